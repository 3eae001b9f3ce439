// Views: the spans that the chart shows, as `{ from, until }`. Each function returns a new view.

import { DAY, HOUR, MINUTE, SECOND } from "./times.js";

const MIN_SPAN = SECOND;
const MAX_SPAN = 3660 * DAY;
const RESOLUTIONS = [DAY, HOUR, 10 * MINUTE, MINUTE, 10 * SECOND, SECOND, SECOND / 10, SECOND / 1000];

/** The view with the length `span`, within what the server accepts: not before 1970, and not wholly in the future. */
export function bounded(from, span, now) {
  const length = Math.min(Math.max(span, MIN_SPAN), MAX_SPAN);
  const start = Math.max(0, Math.min(from, now - Math.min(length / 4, SECOND)));
  return { from: Math.round(start), until: Math.round(start + length) };
}

/** The view with `factor` times the length. The time at `share` of its width keeps its place. */
export function zoomed({ from, until }, factor, share, now) {
  const span = Math.min(Math.max((until - from) * factor, MIN_SPAN), MAX_SPAN);
  return bounded(from + share * (until - from - span), span, now);
}

/** The view moved by `share` of its length. */
export function panned({ from, until }, share, now) {
  return bounded(from + share * (until - from), until - from, now);
}

/** The roundest duration that is at most a pixel or two wide. */
export function resolution({ from, until }) {
  return RESOLUTIONS.find((size) => (until - from) / size >= 1000) ?? RESOLUTIONS.at(-1);
}

/** The last known moment of the view. The view does not contain its own end. */
export function latest(view, now) {
  return Math.max(view.from, Math.min(view.until - resolution(view), now));
}

/** The view with times as round as its pixels allow, for a readable address. */
export function rounded({ from, until }, now) {
  const unit = resolution({ from, until });
  const start = Math.floor(from / unit) * unit;
  return bounded(start, Math.max(unit, Math.round(until / unit) * unit - start), now);
}
