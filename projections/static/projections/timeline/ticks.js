// Where the time axis has its ticks: at round times of the clock on the wall.
"use strict";

(() => {
  const { SECOND, MINUTE, HOUR, DAY } = window.presenceTimeline.times;
  const WEEK = 7 * DAY;
  const MONTH = 30.4 * DAY;
  const YEAR = 365.25 * DAY;
  // 1970 began on a Thursday.
  const MONDAY = 4 * DAY;

  /** How much a tick takes, in pixels, beside what says it. */
  const ROOM = { fraction: 96, second: 72, year: 48 };
  const ENOUGH = 58;

  /** Steps from small to large: how long, and how their ticks and what these are part of are said. */
  const STEPS = [
    ...[0.05, 0.1, 0.2, 0.5].map((n) => regular(n * SECOND, "fraction")),
    ...[1, 2, 5, 10, 15, 30].map((n) => regular(n * SECOND, "second")),
    ...[1, 2, 5, 10, 15, 30].map((n) => regular(n * MINUTE, "minute")),
    ...[1, 2, 3, 6, 12].map((n) => onTheWall(n * HOUR, 0, "minute", "longDay")),
    ...[1, 2].map((n) => onTheWall(n * DAY, 0, "weekday", "longMonth")),
    ...[1, 2].map((n) => onTheWall(n * WEEK, MONDAY, "day", "year")),
    ...[1, 2, 3, 6].map((n) => ofMonths(n, "month", "year")),
    ...[1, 2, 5].map((n) => ofMonths(12 * n, "year", null)),
  ];

  /** Every so often. What is shorter than an hour stays round however often the clocks are changed. */
  function regular(size, style) {
    const times = function* (from, clock) {
      const offset = clock.wall(from) - from;
      for (let wall = Math.ceil((from + offset) / size) * size; ; wall += size) yield wall - offset;
    };
    return { size, times, style, context: "longDay" };
  }

  function onTheWall(size, origin, style, context) {
    const times = function* (from, clock) {
      const first = Math.floor((clock.wall(from) - origin) / size) * size + origin;
      for (let wall = first; ; wall += size) yield clock.time(wall);
    };
    return { size, times, style, context };
  }

  function ofMonths(months, style, context) {
    const times = function* (from, clock) {
      const date = new Date(clock.wall(from) / 1000);
      const first = Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth()) / months) * months;
      for (let month = first; ; month += months) yield clock.time(Date.UTC(Math.floor(month / 12), month % 12) * 1000);
    };
    return { size: months === 12 ? YEAR : months * MONTH, times, style, context };
  }

  /**
   * The ticks of the span on `width` pixels, each with its `time` and `label`, and the days, months or years they are
   * part of: each with the `time` at which it begins (the first: `from`) and its `label`.
   */
  function ticks({ from, until }, width, clock) {
    const fits = ({ size, style }) => ((until - from) / size) * (ROOM[style] ?? ENOUGH) <= width;
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

  window.presenceTimeline.ticks = ticks;
})();
