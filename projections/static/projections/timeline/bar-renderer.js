// Draws a bar. The bar of one stay has a certain and an uncertain part, and shows how the stay ended.

import { shape, update } from "./elements.js";
import { endOf, isSilent } from "./stays.js";

export const BAR_HEIGHT = 12;
/** Pixels beyond the view up to which bars are drawn. */
const OVERDRAW = 8;
const MIN_UNCERTAIN_WIDTH = 4;
/** Pixels below which hatching is not recognizable. */
const MIN_HATCH_WIDTH = 9;
const DIGIT_WIDTH = 7;

export class BarRenderer {
  constructor(translations, now, maxAge) {
    Object.assign(this, { translations, now, maxAge });
  }

  create(bar) {
    const node = shape("g", { role: "option", tabindex: -1, "aria-selected": false });
    node.certain = shape("path", { class: "certain" });
    node.append(node.certain);
    if (bar.count > 1) {
      node.number = shape("text");
      node.append(node.number);
    } else {
      node.dataset.session = bar.first.session;
      node.setAttribute("aria-label", this.translations.stayLabel(bar.first, bar.lane, this.now, this.maxAge));
      node.uncertain = shape("path", { class: "uncertain", fill: "url(#presence-hatch)" });
      node.append(node.uncertain);
    }
    return node;
  }

  /** Moves `node` to the place of `bar` in a `view` of `width` pixels. */
  place(node, bar, { view, width, pinned }) {
    node.bar = bar;
    // A gap of one pixel keeps two bars that touch distinct.
    const left = Math.max(bar.x0, -OVERDRAW);
    const right = Math.min(bar.narrow ? bar.x1 : bar.x1 - 1, width + OVERDRAW);
    if (bar.count > 1) {
      this.placeMerged(node, bar, left, right, width);
    } else {
      const seen = ((bar.first.seen - view.from) / (view.until - view.from)) * width;
      this.placeStay(node, bar, left, right, seen, bar.first.session === pinned);
    }
  }

  placeMerged(node, bar, left, right, width) {
    if (node.dataset.stays !== String(bar.count) || node.end !== endOf(bar)) {
      node.dataset.stays = bar.count;
      node.end = endOf(bar);
      node.setAttribute("aria-label", this.translations.barLabel(bar, bar.lane));
    }
    update(node, { class: "bar several" });
    update(node.certain, { d: closed(left, bar.top, right) });
    const text = this.translations.clock.number(bar.count);
    const fits = right - left > text.length * DIGIT_WIDTH + 6;
    node.number.textContent = fits ? text : "";
    const middle = (Math.max(left, 0) + Math.min(right, width)) / 2;
    if (fits) update(node.number, { x: round(middle), y: bar.top + BAR_HEIGHT - 2 });
  }

  placeStay(node, { first: stay, top }, left, right, seen, isPinned) {
    const open = stay.left === null;
    const uncertain = stay.endedBy === "prune" || isSilent(stay, this.now, this.maxAge);
    // The uncertain part stays visible, however short it is.
    const certain = uncertain ? Math.min(Math.max(seen, left), Math.max(right - MIN_UNCERTAIN_WIDTH, left)) : right;
    const ending = open ? pointed : closed;
    update(node, {
      class: `bar ${open ? "open" : stay.endedBy}${isPinned ? " pinned" : ""}`,
      "aria-selected": isPinned,
    });
    update(node.certain, { d: certain > left ? (uncertain ? square : ending)(left, top, certain) : "" });
    update(node.uncertain, {
      d: uncertain && right > certain ? ending(certain, top, right) : "",
      class: right - certain < MIN_HATCH_WIDTH ? "uncertain thin" : "uncertain",
    });
  }
}

const round = (number) => Math.round(number * 10) / 10;
const square = (left, top, right) => `M${round(left)},${top}H${round(right)}v${BAR_HEIGHT}H${round(left)}z`;

/** The outline of a closed stay. */
function closed(left, top, right) {
  if (right - left < 5) return square(left, top, right);
  const [from, until] = [round(left + 2), round(right - 2)];
  return `M${from},${top}H${until}q2,0 2,2v${BAR_HEIGHT - 4}q0,2 -2,2H${from}q-2,0 -2,-2v${4 - BAR_HEIGHT}q0,-2 2,-2z`;
}

/** The outline of an open stay, with a pointed end. */
function pointed(left, top, right) {
  const neck = round(right - Math.min(6, right - left));
  const [middle, bottom] = [top + BAR_HEIGHT / 2, top + BAR_HEIGHT];
  return `M${round(left)},${top}H${neck}L${round(right)},${middle}L${neck},${bottom}H${round(left)}z`;
}
