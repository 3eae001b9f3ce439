// The state of stays, and of the bars that represent them.

const SECOND = 1_000_000;

/** "leave" or "prune" for a closed stay, "silent" or "open" for an open one. */
export function stateOf(stay, now, maxAge) {
  if (stay.left !== null) return stay.endedBy;
  return isSilent(stay, now, maxAge) ? "silent" : "open";
}

/** Whether an open stay has shown no sign of life for longer than the maximal age, in seconds. */
export function isSilent(stay, now, maxAge) {
  return stay.left === null && now - stay.seen > maxAge * SECOND;
}

/** The latest end of the stays of a bar. */
export function endOf(bar) {
  return bar.items.reduce((end, item) => Math.max(end, item.end), -Infinity);
}
