// Who has which lane, which bar lies in which row of it, and which bars are drawn as one.
"use strict";

(() => {
  const { firstIndex } = window.presenceTimeline;
  const ROWS = 4;
  const WIDE = 4;
  const APART = 2;
  const TAIL = 6;

  /**
   * The lanes in the order of arrival. A lane has as many rows as there were stays at once, `ROWS` at most unless it is
   * among `expanded`: then those that find no place share items of the last row. An item has a `start`, an `end` and
   * its `stays`; those of a row come in the order of time and do not overlap.
   */
  function arrange({ lanes, stays }, now, expanded = new Set()) {
    const arranged = lanes.map((lane, index) => ({ ...lane, index, rows: [], first: Infinity, last: -Infinity }));
    for (const stay of stays.map((row) => named(row, now))) {
      const lane = arranged[stay.lane];
      lane.tail ??= lane.kind === "anonymous" ? tail(stay.channel) : "";
      lane.first = Math.min(lane.first, stay.joined);
      lane.last = Math.max(lane.last, stay.end);
      place(lane, stay, expanded.has(stay.lane) ? Infinity : ROWS);
    }
    return arranged
      .filter((lane) => lane.rows.length)
      .map((lane) => ({ ...lane, label: lane.tail ? `${lane.name} ${lane.tail}` : lane.name }))
      .sort((one, other) => one.first - other.first || one.name.localeCompare(other.name) || one.index - other.index);
  }

  /** What tells a connection from others whose names begin alike. */
  function tail(channel) {
    const letters = [...channel];
    return letters.length > TAIL ? `…${letters.slice(-TAIL).join("")}` : channel;
  }

  function named([session, lane, channel, joined, left, seen, endedBy, room, reason], now) {
    // Clocks differ: a stay may have begun after what the answer calls now.
    const end = left ?? Math.max(now, joined, seen);
    return { session, lane, channel, joined, left, seen, endedBy, room, reason, end };
  }

  function place(lane, stay, most) {
    const item = { start: stay.joined, end: stay.end, stays: [stay] };
    const row = lane.rows.find((items) => items.at(-1).end <= stay.joined);
    if (row) {
      row.push(item);
    } else if (lane.rows.length < most) {
      lane.rows.push([item]);
    } else {
      const shared = lane.rows.at(-1).at(-1);
      shared.stays.push(stay);
      shared.end = Math.max(shared.end, stay.end);
    }
  }

  /**
   * The bars of a row that can be seen, from left to right: `x0` and `x1` in pixels, `items`, and how many stays they
   * are. Items too narrow to be told apart are one bar; one that is wide enough is always a bar of its own.
   */
  function bars(row, { from, until }, width) {
    const scale = width / (until - from);
    const drawn = [];
    for (let index = firstEnding(row, from); index < row.length && row[index].start < until; index += 1) {
      const item = row[index];
      const x0 = (item.start - from) * scale;
      const x1 = (item.end - from) * scale;
      const narrow = x1 - x0 < WIDE;
      const before = drawn.at(-1);
      if (narrow && before?.narrow && x0 - before.x1 < APART) {
        before.x1 = Math.max(x1, before.x1);
        before.items.push(item);
        before.count += item.stays.length;
      } else {
        drawn.push({ x0, x1: Math.max(x1, x0 + APART), narrow, items: [item], count: item.stays.length });
      }
    }
    return drawn;
  }

  /** The index of the first item that ends after `time`, or at it if it also begins there. */
  function firstEnding(row, time) {
    return firstIndex(row, ({ start, end }) => end > time || start >= time);
  }

  function isSeen(lane, { from, until }) {
    if (lane.last < from || lane.first >= until) return false;
    return lane.rows.some((row) => row[firstEnding(row, from)]?.start < until);
  }

  window.presenceTimeline.layout = { ROWS, arrange, bars, isSeen };
})();
