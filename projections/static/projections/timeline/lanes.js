// The lanes: a name and the bars of the stays. Only what is in sight is in the document.
"use strict";

(() => {
  const { BarPen, elements, layout } = window.presenceTimeline;
  const { element, shape, update, arrangeChildren } = elements;
  const BAR = BarPen.HEIGHT;
  const ROW = 15;
  const PADDING = 6;
  const OVERSCAN = 120;
  const NEAR = 5;

  class Lanes {
    /** More would be a book. */
    static PRINTED = 500;

    constructor({ scroller, canvas, names, svg, foot, words: texts }) {
      Object.assign(this, { scroller, canvas, names, svg, foot, words: texts });
      this.grid = shape("g", { class: "grid" });
      this.bars = shape("g", { class: "bars" });
      svg.prepend(this.grid, this.bars);
      this.reset();
    }

    /** Forgets what was drawn: other stays are to come. */
    reset() {
      this.shown = [];
      this.groups = new Map();
      this.labels = new Map();
      this.arranged = [];
      this.drawn = [];
      this.active = null;
      this.pinned = null;
    }

    show(arranged, { now, maxAge }) {
      const { active, pinned } = this;
      this.reset();
      Object.assign(this, { arranged, active, pinned });
      this.pen = new BarPen(this.words, now, maxAge);
    }

    /**
     * Chooses the lanes with stays in sight. While things move (`keep`), those that lost theirs keep their place, so
     * that nothing jumps under the pointer.
     */
    choose(view, keep) {
      const kept = new Set(keep ? this.shown.map(({ lane }) => lane) : []);
      let top = 0;
      this.shown = [];
      for (const lane of this.arranged) {
        if (!kept.has(lane) && !layout.isSeen(lane, view)) continue;
        const height = 2 * PADDING - (ROW - BAR) + lane.rows.length * ROW;
        this.shown.push({ lane, top, height });
        top += height;
      }
      const all = this.shown.length;
      if (this.printing) this.shown.splice(Lanes.PRINTED);
      this.unprinted = all - this.shown.length;
      const last = this.shown.at(-1);
      this.height = last ? last.top + last.height : 0;
    }

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
      this.rove(focused);
      this.merged = this.drawn.some(({ bars }) => bars.some(({ count }) => count > 1));
    }

    /** The bars of a lane between two heights, in the order of time. */
    laneBars(place, from = -Infinity, until = Infinity) {
      const bars = [];
      place.lane.rows.forEach((row, index) => {
        const top = place.top + PADDING + index * ROW;
        if (top > until || top + ROW < from) return;
        for (const bar of layout.bars(row, this.view, this.width)) {
          const first = bar.items[0].stays[0];
          bars.push({ ...bar, top, lane: place.lane, first, key: `${first.session}${bar.count > 1 ? "+" : ""}` });
        }
      });
      bars.sort((one, other) => one.first.joined - other.first.joined || one.top - other.top);
      return { place, bars };
    }

    label({ lane, top, height }) {
      let label = this.labels.get(lane);
      if (!label) {
        const name = element("bdi", { text: lane.name });
        const tail = lane.tail ? [" ", element("small", {}, element("bdi", { text: lane.tail }))] : [];
        const link = element(lane.url ? "a" : "span", {}, name, ...tail);
        if (lane.url) link.href = lane.url;
        link.title = lane.label;
        label = element("div", { className: `name ${lane.kind}` }, link);
        label.reach = (reachable) => lane.url && link.setAttribute("tabindex", reachable ? 0 : -1);
        this.labels.set(lane, label);
      }
      if (label.at !== top || label.tall !== height) {
        Object.assign(label, { at: top, tall: height });
        Object.assign(label.style, { top: `${top}px`, height: `${height}px` });
      }
      return label;
    }

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
        const node = before.get(bar.key) ?? this.pen.create(bar);
        group.bars.set(bar.key, node);
        bar.node = node;
        this.pen.place(node, bar, this);
      }
      arrangeChildren(group, [...group.bars.values()]);
      return group;
    }

    /** Exactly one bar can be reached with Tab, the one that was active last or the first, and the name of its lane. */
    rove(focused) {
      const all = this.drawn.flatMap(({ bars }) => bars);
      const active = this.find(all, this.active) ?? all[0];
      if (this.tabbable && this.tabbable !== active?.node) this.tabbable.setAttribute("tabindex", -1);
      this.tabbable = active?.node;
      this.tabbable?.setAttribute("tabindex", 0);
      for (const { place } of this.drawn) this.labels.get(place.lane).reach(place.lane === active?.lane);
      // A listbox has options.
      if (all.length) update(this.bars, { role: "listbox", "aria-label": this.words.say("bars") });
      else for (const attribute of ["role", "aria-label"]) this.bars.removeAttribute(attribute);
      if (focused && !focused.isConnected) {
        if (active) active.node.focus({ preventScroll: true });
        else this.scroller.focus({ preventScroll: true });
      }
    }

    /** The bar that is the `active` stay, or has become one with it, or else the closest of its lane. */
    find(bars, active) {
      if (!active) return null;
      const holds = ({ items }) => items.some(({ stays }) => stays.some(({ session }) => session === active.session));
      const distance = ({ items }) => Math.abs(items[0].start - active.joined);
      const same = bars.filter(({ lane }) => lane.kind === active.kind && lane.label === active.label);
      return bars.find(holds) ?? same.sort((one, other) => distance(one) - distance(other))[0];
    }

    /** Remembers the bar, by what is still true of it when other data has come. */
    activate({ first: { session, joined }, lane: { kind, label } }) {
      this.active = { session, joined, kind, label };
    }

    /** The first bar in sight that is `wanted`. */
    bar(wanted) {
      for (const { bars } of this.drawn) {
        const found = bars.find(wanted);
        if (found) return found;
      }
      return null;
    }

    focused() {
      return document.activeElement?.closest?.(".bar") ?? null;
    }

    /** The bar at a point of the plot, or close to it in the same row. */
    hit(x, y) {
      for (const { place, bars } of this.drawn) {
        if (y < place.top || y >= place.top + place.height) continue;
        const isBeside = ({ top }) => y >= top - 2 && y <= top + BAR + 2;
        const near = (bar) => (isBeside(bar) ? Math.max(bar.x0 - x, x - bar.x1, 0) : NEAR);
        return bars.reduce((best, bar) => (near(bar) < (best ? near(best) : NEAR) ? bar : best), null);
      }
      return null;
    }

    focus(bar) {
      this.activate(bar);
      const place = this.shown.find(({ lane }) => lane === bar.lane);
      const visible = this.scroller.clientHeight;
      const bottom = bar.top + ROW + PADDING;
      if (bar.top < this.scroller.scrollTop) this.scroller.scrollTop = place.top;
      else if (bottom > this.scroller.scrollTop + visible) this.scroller.scrollTop = bottom - visible;
      this.redraw();
      this.tabbable?.focus({ preventScroll: true });
      if (this.tabbable) this.reveal(this.tabbable);
    }

    /** Scrolls the page as far as it takes to see what has the focus, above what is at the foot of the window. */
    reveal(target) {
      const { top, bottom } = target.getBoundingClientRect();
      const below = bottom + ROW - (window.innerHeight - this.foot.offsetHeight);
      if (below > 0) window.scrollBy(0, below);
      else if (top < ROW) window.scrollBy(0, top - ROW);
    }

    /** The bar that a key leads to from `bar`: along its lane, or to the closest of another lane. */
    neighbour(bar, key, far) {
      const index = this.shown.findIndex(({ lane }) => lane === bar.lane);
      if (index < 0) return null;
      const along = () => this.laneBars(this.shown[index]).bars;
      const here = (bars) => bars.findIndex(({ key: other, top }) => other === bar.key && top === bar.top);
      const middle = ({ x0, x1 }) => (Math.max(x0, 0) + Math.min(x1, this.width)) / 2;
      const away = (other) => Math.abs(middle(other) - middle(bar));
      const closest = (bars) => bars.reduce((best, one) => (away(one) < away(best) ? one : best));
      const across = (steps) => {
        for (let next = index + steps; this.shown[next]; next += steps) {
          const { bars } = this.laneBars(this.shown[next]);
          if (bars.length) return closest(bars);
        }
        return null;
      };
      const edge = (place, end) => this.laneBars(place).bars.at(end);
      return {
        ArrowLeft: () => along()[here(along()) - 1],
        ArrowRight: () => along()[here(along()) + 1],
        ArrowUp: () => across(-1),
        ArrowDown: () => across(1),
        Home: () => edge(far ? this.shown[0] : this.shown[index], 0),
        End: () => edge(far ? this.shown.at(-1) : this.shown[index], -1),
      }[key]();
    }
  }

  window.presenceTimeline.Lanes = Lanes;
})();
