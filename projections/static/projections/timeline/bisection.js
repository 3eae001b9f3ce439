// Finding a place in a list that is in order.
"use strict";

(() => {
  /** The index of the first of `items` for which `holds`, as it does for all after that one; their number if for none. */
  function firstIndex(items, holds) {
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(items[middle])) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  window.presenceTimeline ??= {};
  window.presenceTimeline.firstIndex = firstIndex;
})();
