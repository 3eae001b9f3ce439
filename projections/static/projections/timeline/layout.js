// Assigns stays to the rows of lanes, and merges bars that are too close together.

import { firstIndex } from "./bisection.js";

const MAX_ROWS = 4;
/** Pixels from which a bar is wide enough never to be merged. */
const MIN_WIDE_BAR = 4;
/** The smallest distance between narrow bars, and the smallest width of a bar, in pixels. */
const MIN_GAP = 2;
const SUFFIX_CHARS = 6;

/**
 * The lanes in order of arrival. A lane has one row for each simultaneous stay, but at most `MAX_ROWS` unless it is
 * among `expanded`. Stays without a row of their own share items of the last row. An item has a `start`, an `end` and
 * its `stays`. The items of a row are in order of time and do not overlap.
 */
export function arrange({ lanes, stays }, now, expanded = new Set()) {
  const arranged = lanes.map((lane, index) => ({ ...lane, index, rows: [], first: Infinity, last: -Infinity }));
  for (const stay of stays.map((row) => parsed(row, now))) {
    const lane = arranged[stay.lane];
    lane.suffix ??= lane.kind === "anonymous" ? suffix(stay.channel) : "";
    lane.first = Math.min(lane.first, stay.joined);
    lane.last = Math.max(lane.last, stay.end);
    place(lane, stay, expanded.has(stay.lane) ? Infinity : MAX_ROWS);
  }
  return arranged
    .filter((lane) => lane.rows.length)
    .map((lane) => ({ ...lane, label: lane.suffix ? `${lane.name} ${lane.suffix}` : lane.name }))
    .sort((one, other) => one.first - other.first || one.name.localeCompare(other.name) || one.index - other.index);
}

/** The last characters of a connection's name: names of connections begin alike. */
function suffix(channel) {
  const letters = [...channel];
  return letters.length > SUFFIX_CHARS ? `…${letters.slice(-SUFFIX_CHARS).join("")}` : channel;
}

function parsed([session, lane, channel, joined, left, seen, endedBy, room, reason], now) {
  // Clocks differ: a stay may begin after the time that the server calls now.
  const end = left ?? Math.max(now, joined, seen);
  return { session, lane, channel, joined, left, seen, endedBy, room, reason, end };
}

function place(lane, stay, maxRows) {
  const item = { start: stay.joined, end: stay.end, stays: [stay] };
  const row = lane.rows.find((items) => items.at(-1).end <= stay.joined);
  if (row) {
    row.push(item);
  } else if (lane.rows.length < maxRows) {
    lane.rows.push([item]);
  } else {
    const shared = lane.rows.at(-1).at(-1);
    shared.stays.push(stay);
    shared.end = Math.max(shared.end, stay.end);
  }
}

/**
 * The visible bars of a row from left to right: `x0` and `x1` in pixels, their `items`, and the `count` of their stays.
 * Narrow items that are too close together become one bar. A wide item is always a bar of its own.
 */
export function barsOfRow(row, { from, until }, width) {
  const scale = width / (until - from);
  const drawn = [];
  for (let index = firstEnding(row, from); index < row.length && row[index].start < until; index += 1) {
    const item = row[index];
    const x0 = (item.start - from) * scale;
    const x1 = (item.end - from) * scale;
    const narrow = x1 - x0 < MIN_WIDE_BAR;
    const before = drawn.at(-1);
    if (narrow && before?.narrow && x0 - before.x1 < MIN_GAP) {
      before.x1 = Math.max(x1, before.x1);
      before.items.push(item);
      before.count += item.stays.length;
    } else {
      drawn.push({ x0, x1: Math.max(x1, x0 + MIN_GAP), narrow, items: [item], count: item.stays.length });
    }
  }
  return drawn;
}

/** The index of the first item that ends after `time`, or that begins and ends at `time`. */
function firstEnding(row, time) {
  return firstIndex(row, ({ start, end }) => end > time || start >= time);
}

/** Whether the lane has stays in the view. */
export function isVisible(lane, { from, until }) {
  if (lane.last < from || lane.first >= until) return false;
  return lane.rows.some((row) => row[firstEnding(row, from)]?.start < until);
}
