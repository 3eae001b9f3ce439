// The ticks of the time axis, at round local times.

import { DAY, HOUR, MINUTE, SECOND } from "./times.js";

const WEEK = 7 * DAY;
const MONTH = 30.4 * DAY;
const YEAR = 365.25 * DAY;
// 1970 began on a Thursday.
const MONDAY = 4 * DAY;

/** The width of a tick with its label, in pixels, by the style of the label. */
const TICK_WIDTHS = { fraction: 96, second: 72, year: 48 };
const DEFAULT_TICK_WIDTH = 58;

/** Steps from small to large, each with the styles of its labels and of the larger units that contain them. */
const STEPS = [
  ...[0.05, 0.1, 0.2, 0.5].map((n) => fixedMultiples(n * SECOND, "fraction")),
  ...[1, 2, 5, 10, 15, 30].map((n) => fixedMultiples(n * SECOND, "second")),
  ...[1, 2, 5, 10, 15, 30].map((n) => fixedMultiples(n * MINUTE, "minute")),
  ...[1, 2, 3, 6, 12].map((n) => localMultiples(n * HOUR, 0, "minute", "longDay")),
  ...[1, 2].map((n) => localMultiples(n * DAY, 0, "weekday", "longMonth")),
  ...[1, 2].map((n) => localMultiples(n * WEEK, MONDAY, "day", "year")),
  ...[1, 2, 3, 6].map((n) => multiplesOfMonths(n, "month", "year")),
  ...[1, 2, 5].map((n) => multiplesOfMonths(12 * n, "year", null)),
];

/** Ticks at a fixed distance. Steps shorter than an hour stay round when clocks change. */
function fixedMultiples(size, style) {
  const times = function* (from, clock) {
    const offset = clock.wall(from) - from;
    for (let wall = Math.ceil((from + offset) / size) * size; ; wall += size) yield wall - offset;
  };
  return { size, times, style, context: "longDay" };
}

function localMultiples(size, origin, style, context) {
  const times = function* (from, clock) {
    const first = Math.floor((clock.wall(from) - origin) / size) * size + origin;
    for (let wall = first; ; wall += size) yield clock.time(wall);
  };
  return { size, times, style, context };
}

function multiplesOfMonths(months, style, context) {
  const times = function* (from, clock) {
    const date = new Date(clock.wall(from) / 1000);
    const first = Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth()) / months) * months;
    for (let month = first; ; month += months) yield clock.time(Date.UTC(Math.floor(month / 12), month % 12) * 1000);
  };
  return { size: months === 12 ? YEAR : months * MONTH, times, style, context };
}

/**
 * The `marks` of a span on `width` pixels, each with its `time` and `label`, and the `contexts`: the days, months or
 * years that contain them, each with its `label` and the `time` at which it begins (`from` for the first).
 */
export function ticks({ from, until }, width, clock) {
  const fits = ({ size, style }) => ((until - from) / size) * (TICK_WIDTHS[style] ?? DEFAULT_TICK_WIDTH) <= width;
  const step = STEPS.find(fits) ?? STEPS.at(-1);
  const marks = [];
  const contexts = [];
  const enter = (time) => {
    const label = clock.format(step.context, time);
    if (contexts.at(-1)?.label !== label) contexts.push({ time, label });
  };
  if (step.context) enter(from);
  let last = -Infinity;
  for (const time of step.times(from, clock)) {
    if (time > until) break;
    if (time < from || time <= last) continue;
    last = time;
    marks.push({ time, label: clock.format(step.style, time) });
    if (step.context) enter(time);
  }
  return { marks, contexts };
}
