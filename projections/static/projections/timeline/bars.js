// How one bar looks: of one stay, certain and uncertain parts and an end that may be open; or of several.
"use strict";

(() => {
  const { elements, words } = window.presenceTimeline;
  const { shape, update } = elements;
  const HEIGHT = 12;
  const BEYOND = 8;
  const LEAST = 4;
  // Too little for hatching to be seen as such.
  const THIN = 9;
  const DIGIT = 7;

  class BarPen {
    static HEIGHT = HEIGHT;

    constructor(texts, now, maxAge) {
      Object.assign(this, { words: texts, now, maxAge });
    }

    create(bar) {
      const node = shape("g", { role: "option", tabindex: -1, "aria-selected": false });
      node.sure = shape("path", { class: "sure" });
      node.append(node.sure);
      if (bar.count > 1) {
        node.number = shape("text");
        node.append(node.number);
      } else {
        node.dataset.session = bar.first.session;
        node.setAttribute("aria-label", this.words.stay(bar.first, bar.lane, this.now, this.maxAge));
        node.unsure = shape("path", { class: "unsure", fill: "url(#presence-hatch)" });
        node.append(node.unsure);
      }
      return node;
    }

    /** Brings `node` to where `bar` is in a `view` of a `width`. */
    place(node, bar, { view, width, pinned }) {
      node.bar = bar;
      // What is far out of sight is not drawn there, and of two bars that touch one sees that they are two.
      const left = Math.max(bar.x0, -BEYOND);
      const right = Math.min(bar.narrow ? bar.x1 : bar.x1 - 1, width + BEYOND);
      if (bar.count > 1) {
        this.placeSeveral(node, bar, left, right, width);
      } else {
        const seen = ((bar.first.seen - view.from) / (view.until - view.from)) * width;
        this.placeOne(node, bar, left, right, seen, bar.first.session === pinned);
      }
    }

    placeSeveral(node, bar, left, right, width) {
      if (node.dataset.stays !== String(bar.count) || node.end !== words.endOf(bar)) {
        node.dataset.stays = bar.count;
        node.end = words.endOf(bar);
        node.setAttribute("aria-label", this.words.stays(bar, bar.lane));
      }
      update(node, { class: "bar several" });
      update(node.sure, { d: closed(left, bar.top, right) });
      const text = this.words.clock.number(bar.count);
      const fits = right - left > text.length * DIGIT + 6;
      node.number.textContent = fits ? text : "";
      const middle = (Math.max(left, 0) + Math.min(right, width)) / 2;
      if (fits) update(node.number, { x: round(middle), y: bar.top + HEIGHT - 2 });
    }

    placeOne(node, { first: stay, top }, left, right, seen, isPinned) {
      const open = stay.left === null;
      const unsure = stay.endedBy === "prune" || words.isSilent(stay, this.now, this.maxAge);
      // However short it was, that one does not know the end is seen.
      const sure = unsure ? Math.min(Math.max(seen, left), Math.max(right - LEAST, left)) : right;
      const ending = open ? pointed : closed;
      update(node, {
        class: `bar ${open ? "open" : stay.endedBy}${isPinned ? " pinned" : ""}`,
        "aria-selected": isPinned,
      });
      update(node.sure, { d: sure > left ? (unsure ? square : ending)(left, top, sure) : "" });
      update(node.unsure, {
        d: unsure && right > sure ? ending(sure, top, right) : "",
        class: right - sure < THIN ? "unsure thin" : "unsure",
      });
    }
  }

  const round = (number) => Math.round(number * 10) / 10;
  const square = (left, top, right) => `M${round(left)},${top}H${round(right)}v${HEIGHT}H${round(left)}z`;

  function closed(left, top, right) {
    if (right - left < 5) return square(left, top, right);
    const [from, until] = [round(left + 2), round(right - 2)];
    return `M${from},${top}H${until}q2,0 2,2v${HEIGHT - 4}q0,2 -2,2H${from}q-2,0 -2,-2v${4 - HEIGHT}q0,-2 2,-2z`;
  }

  /** An end that is still to come. */
  function pointed(left, top, right) {
    const neck = round(right - Math.min(6, right - left));
    return `M${round(left)},${top}H${neck}L${round(right)},${top + HEIGHT / 2}L${neck},${top + HEIGHT}H${round(left)}z`;
  }

  window.presenceTimeline.BarPen = BarPen;
})();
