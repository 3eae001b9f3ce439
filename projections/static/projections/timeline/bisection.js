// Binary search in sorted lists.

/**
 * The index of the first of `items` for which `holds` is true, or their number if there is none. `holds` must be true
 * for all items after that one.
 */
export function firstIndex(items, holds) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
