// Draws the lanes, each with a name and the bars of its stays. Only visible lanes are in the document.

import { BAR_HEIGHT, BarRenderer } from "./bar-renderer.js";
import { arrangeChildren, element, shape, update } from "./elements.js";
import { barsOfRow, isVisible } from "./layout.js";

const ROW_HEIGHT = 15;
const LANE_PADDING = 6;
/** Pixels above and below the visible part in which lanes are drawn as well. */
const OVERSCAN = 120;
/** Pixels up to which a click beside a bar counts as a click on it. */
const HIT_DISTANCE = 5;

export class Lanes {
  /** Limits how many lanes are printed. */
  static MAX_PRINTED = 500;

  constructor({ scroller, canvas, names, svg, footer, translations }) {
    Object.assign(this, { scroller, canvas, names, svg, footer, translations });
    this.grid = shape("g", { class: "grid" });
    this.bars = shape("g", { class: "bars" });
    svg.prepend(this.grid, this.bars);
    this.reset();
  }

  /** Discards what was drawn. */
  reset() {
    this.shown = [];
    this.groups = new Map();
    this.labels = new Map();
    this.arranged = [];
    this.drawn = [];
    this.active = null;
    this.pinned = null;
  }

  /** Takes the lanes of `arrange`. The active and the pinned stay survive. */
  show(arranged, { now, maxAge }) {
    const { active, pinned } = this;
    this.reset();
    Object.assign(this, { arranged, active, pinned });
    this.renderer = new BarRenderer(this.translations, now, maxAge);
  }

  /**
   * Selects the lanes with stays in the view. With `keep`, while the view moves, lanes that lose their stays remain, so
   * nothing jumps under the pointer.
   */
  select(view, keep) {
    const kept = new Set(keep ? this.shown.map(({ lane }) => lane) : []);
    let top = 0;
    this.shown = [];
    for (const lane of this.arranged) {
      if (!kept.has(lane) && !isVisible(lane, view)) continue;
      const height = 2 * LANE_PADDING - (ROW_HEIGHT - BAR_HEIGHT) + lane.rows.length * ROW_HEIGHT;
      this.shown.push({ lane, top, height });
      top += height;
    }
    const all = this.shown.length;
    if (this.printing) this.shown.splice(Lanes.MAX_PRINTED);
    this.unprinted = all - this.shown.length;
    const last = this.shown.at(-1);
    this.height = last ? last.top + last.height : 0;
  }

  /** Draws the selected lanes that the scroller shows, with vertical lines at `ticks`. */
  draw(view, width, ticks) {
    Object.assign(this, { view, width });
    const height = Math.max(this.height, 1);
    if (this.svg.getAttribute("height") !== String(height)) this.canvas.style.height = `${height}px`;
    update(this.svg, { width, height });
    const from = this.printing ? 0 : this.scroller.scrollTop - OVERSCAN;
    const until = this.printing ? height : this.scroller.scrollTop + this.scroller.clientHeight + OVERSCAN;
    const visible = this.shown.filter((place) => place.top < until && place.top + place.height > from);
    const focused = this.focused();
    this.drawn = visible.map((place) => this.laneBars(place, from, until));
    arrangeChildren(this.names, visible.map((place) => this.label(place)));
    arrangeChildren(this.bars, this.drawn.map((drawn) => this.group(drawn)));
    const edges = visible.map((place) => place.top + place.height - 0.5);
    arrangeChildren(this.grid, [
      ...ticks.map((x) => shape("line", { x1: x, x2: x, y2: height })),
      ...edges.map((y) => shape("line", { x2: width, y1: y, y2: y })),
    ]);
    this.updateTabStop(focused);
    this.merged = this.drawn.some(({ bars }) => bars.some(({ count }) => count > 1));
  }

  /** The bars of a lane between two heights, in order of time. */
  laneBars(place, from = -Infinity, until = Infinity) {
    const found = [];
    place.lane.rows.forEach((row, index) => {
      const top = place.top + LANE_PADDING + index * ROW_HEIGHT;
      if (top > until || top + ROW_HEIGHT < from) return;
      for (const bar of barsOfRow(row, this.view, this.width)) {
        const first = bar.items[0].stays[0];
        found.push({ ...bar, top, lane: place.lane, first, key: `${first.session}${bar.count > 1 ? "+" : ""}` });
      }
    });
    found.sort((one, other) => one.first.joined - other.first.joined || one.top - other.top);
    return { place, bars: found };
  }

  /** The name of a lane, with a link to its timeline. */
  label({ lane, top, height }) {
    let label = this.labels.get(lane);
    if (!label) {
      const name = element("bdi", { text: lane.name });
      const suffix = lane.suffix ? [" ", element("small", {}, element("bdi", { text: lane.suffix }))] : [];
      const link = element(lane.url ? "a" : "span", {}, name, ...suffix);
      if (lane.url) link.href = lane.url;
      link.title = lane.label;
      label = element("div", { className: `name ${lane.kind}` }, link);
      label.setReachable = (reachable) => lane.url && link.setAttribute("tabindex", reachable ? 0 : -1);
      this.labels.set(lane, label);
    }
    if (label.at !== top || label.tall !== height) {
      Object.assign(label, { at: top, tall: height });
      Object.assign(label.style, { top: `${top}px`, height: `${height}px` });
    }
    return label;
  }

  /** The group of the bars of one lane. Existing bars are reused. */
  group({ place: { lane }, bars }) {
    let group = this.groups.get(lane);
    if (!group) {
      group = shape("g", { role: "group", "aria-label": lane.label });
      group.bars = new Map();
      this.groups.set(lane, group);
    }
    const before = group.bars;
    group.bars = new Map();
    for (const bar of bars) {
      const node = before.get(bar.key) ?? this.renderer.create(bar);
      group.bars.set(bar.key, node);
      bar.node = node;
      this.renderer.place(node, bar, this);
    }
    arrangeChildren(group, [...group.bars.values()]);
    return group;
  }

  /** Lets Tab stop at one bar only, the last active one or the first, and at the name of its lane. */
  updateTabStop(focused) {
    const all = this.drawn.flatMap(({ bars }) => bars);
    const active = this.find(all, this.active) ?? all[0];
    if (this.tabStop && this.tabStop !== active?.node) this.tabStop.setAttribute("tabindex", -1);
    this.tabStop = active?.node;
    this.tabStop?.setAttribute("tabindex", 0);
    for (const { place } of this.drawn) this.labels.get(place.lane).setReachable(place.lane === active?.lane);
    // A listbox without options is invalid.
    if (all.length) update(this.bars, { role: "listbox", "aria-label": this.translations.text("bars") });
    else for (const attribute of ["role", "aria-label"]) this.bars.removeAttribute(attribute);
    if (focused && !focused.isConnected) {
      if (active) active.node.focus({ preventScroll: true });
      else this.scroller.focus({ preventScroll: true });
    }
  }

  /** The bar that contains the `active` stay, or else the closest one in its lane. */
  find(bars, active) {
    if (!active) return null;
    const holds = ({ items }) => items.some(({ stays }) => stays.some(({ session }) => session === active.session));
    const distance = ({ items }) => Math.abs(items[0].start - active.joined);
    const same = bars.filter(({ lane }) => lane.kind === active.kind && lane.label === active.label);
    return bars.find(holds) ?? same.sort((one, other) => distance(one) - distance(other))[0];
  }

  /** Makes the bar the active one. What is remembered of it still identifies it after new data has arrived. */
  activate({ first: { session, joined }, lane: { kind, label } }) {
    this.active = { session, joined, kind, label };
  }

  /** The first drawn bar for which `isWanted` is true. */
  bar(isWanted) {
    for (const { bars } of this.drawn) {
      const found = bars.find(isWanted);
      if (found) return found;
    }
    return null;
  }

  /** The element of the bar with the focus. */
  focused() {
    return document.activeElement?.closest?.(".bar") ?? null;
  }

  /** The bar at a point of the chart, or close to it in the same row. */
  hit(x, y) {
    for (const { place, bars } of this.drawn) {
      if (y < place.top || y >= place.top + place.height) continue;
      const isBeside = ({ top }) => y >= top - 2 && y <= top + BAR_HEIGHT + 2;
      const distance = (bar) => (isBeside(bar) ? Math.max(bar.x0 - x, x - bar.x1, 0) : HIT_DISTANCE);
      return bars.reduce((best, bar) => (distance(bar) < (best ? distance(best) : HIT_DISTANCE) ? bar : best), null);
    }
    return null;
  }

  /** Scrolls to the bar and gives it the focus. */
  focus(bar) {
    this.activate(bar);
    const place = this.shown.find(({ lane }) => lane === bar.lane);
    const visible = this.scroller.clientHeight;
    const bottom = bar.top + ROW_HEIGHT + LANE_PADDING;
    if (bar.top < this.scroller.scrollTop) this.scroller.scrollTop = place.top;
    else if (bottom > this.scroller.scrollTop + visible) this.scroller.scrollTop = bottom - visible;
    this.redraw();
    this.tabStop?.focus({ preventScroll: true });
    if (this.tabStop) this.reveal(this.tabStop);
  }

  /** Scrolls the page as far as needed to show `target` above the preview at the bottom of the window. */
  reveal(target) {
    const { top, bottom } = target.getBoundingClientRect();
    const below = bottom + ROW_HEIGHT - (window.innerHeight - this.footer.offsetHeight);
    if (below > 0) window.scrollBy(0, below);
    else if (top < ROW_HEIGHT) window.scrollBy(0, top - ROW_HEIGHT);
  }

  /** The bar that `key` moves to from `bar`: along its lane, or to the closest bar of another lane. */
  neighbour(bar, key, far) {
    const index = this.shown.findIndex(({ lane }) => lane === bar.lane);
    if (index < 0) return null;
    const along = () => this.laneBars(this.shown[index]).bars;
    const indexIn = (bars) => bars.findIndex(({ key: other, top }) => other === bar.key && top === bar.top);
    const middle = ({ x0, x1 }) => (Math.max(x0, 0) + Math.min(x1, this.width)) / 2;
    const distance = (other) => Math.abs(middle(other) - middle(bar));
    const closest = (bars) => bars.reduce((best, one) => (distance(one) < distance(best) ? one : best));
    const across = (steps) => {
      for (let next = index + steps; this.shown[next]; next += steps) {
        const { bars } = this.laneBars(this.shown[next]);
        if (bars.length) return closest(bars);
      }
      return null;
    };
    const edge = (place, end) => this.laneBars(place).bars.at(end);
    return {
      ArrowLeft: () => along()[indexIn(along()) - 1],
      ArrowRight: () => along()[indexIn(along()) + 1],
      ArrowUp: () => across(-1),
      ArrowDown: () => across(1),
      Home: () => edge(far ? this.shown[0] : this.shown[index], 0),
      End: () => edge(far ? this.shown.at(-1) : this.shown[index], -1),
    }[key]();
  }
}
