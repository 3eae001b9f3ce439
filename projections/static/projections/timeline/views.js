// Views: the span of time that is shown, as `{ from, until }`. Nothing here changes one; each function returns another.
"use strict";

(() => {
  const { SECOND, MINUTE, HOUR, DAY } = window.presenceTimeline.times;
  const SHORTEST = SECOND;
  const LONGEST = 3660 * DAY;
  const GRAINS = [DAY, HOUR, 10 * MINUTE, MINUTE, 10 * SECOND, SECOND, SECOND / 10, SECOND / 1000];

  /** The view with `span`, inside of what can be asked for: not before 1970, and not wholly in the future. */
  function bounded(from, span, now) {
    const length = Math.min(Math.max(span, SHORTEST), LONGEST);
    const start = Math.max(0, Math.min(from, now - Math.min(length / 4, SECOND)));
    return { from: Math.round(start), until: Math.round(start + length) };
  }

  /** Makes the view longer or shorter, and leaves the time at `share` of it where it is. */
  function zoomed({ from, until }, factor, share, now) {
    const span = Math.min(Math.max((until - from) * factor, SHORTEST), LONGEST);
    return bounded(from + share * (until - from - span), span, now);
  }

  /** Moves the view by `share` of its length. */
  function panned({ from, until }, share, now) {
    return bounded(from + share * (until - from), until - from, now);
  }

  /** The roundest length of time that is no more than a pixel or two. */
  function grain({ from, until }) {
    return GRAINS.find((size) => (until - from) / size >= 1000) ?? GRAINS.at(-1);
  }

  /** The last moment of the view of which something can be known: its end is the first that it does not hold. */
  function latest(view, now) {
    return Math.max(view.from, Math.min(view.until - grain(view), now));
  }

  /** The view with times as round as the pixels allow, for an address that one can read. */
  function rounded({ from, until }, now) {
    const unit = grain({ from, until });
    const start = Math.floor(from / unit) * unit;
    return bounded(start, Math.max(unit, Math.round(until / unit) * unit - start), now);
  }

  window.presenceTimeline.views = { bounded, zoomed, panned, grain, latest, rounded };
})();
