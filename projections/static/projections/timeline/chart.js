// The chart as a whole: numbers, axis, lanes, moment, preview. It knows data and a view, and nothing of addresses.
"use strict";

(() => {
  const { Curves, Lanes, Preview, counts, elements, layout, views } = window.presenceTimeline;
  const { shape, update } = elements;

  class Chart extends EventTarget {
    constructor(root, words) {
      super();
      this.root = root;
      this.words = words;
      this.clock = words.clock;
      this.parts = {};
      for (const part of root.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
      const { counts: svg, axis, scroller, canvas, names, bars, preview } = this.parts;
      this.curves = new Curves(svg, axis);
      this.lanes = new Lanes({ scroller, canvas, names, svg: bars, foot: preview, words });
      this.lanes.redraw = () => this.draw();
      this.preview = new Preview(preview, words);
      this.lines = [svg, axis, bars].map((parent) => parent.appendChild(shape("line", { class: "moment" })));
      this.brush = svg.appendChild(shape("rect", { class: "brush", y: 0 }));
      this.view = null;
      this.data = null;
      this.moment = null;
      this.moving = false;
      this.expanded = new Set();
      new ResizeObserver(() => this.schedule()).observe(root);
      scroller.addEventListener("scroll", () => this.schedule(), { passive: true });
    }

    /** Takes the answer `data` for the view `{ from, until }` of it. */
    show(data) {
      this.data = data;
      this.expanded.clear();
      this.counted = counts.count(data);
      this.byPerson = data.by === "person";
      this.root.dataset.by = data.by;
      this.arrange();
      this.parts.incomplete.hidden = data.complete;
      this.parts.nobody.hidden = !data.complete || data.stays.length > 0;
      this.root.hidden = false;
    }

    arrange() {
      const { data } = this;
      const arranged = data.complete ? layout.arrange(data, data.now, this.expanded) : [];
      this.lanes.show(arranged, { now: data.now, maxAge: data.max_age });
    }

    /** Gives each stay of a lane a row of its own, however many there are at once. */
    expand(lane) {
      this.expanded.add(lane.index);
      this.arrange();
      this.draw();
    }

    /** What the user does. `settled` is false while more of it is to come. */
    say(what, detail) {
      this.dispatchEvent(new CustomEvent(what, { detail }));
    }

    setView(view, moving = false) {
      this.view = view;
      this.moving = moving;
      this.schedule();
    }

    setMoment(moment) {
      this.moment = moment;
      this.schedule();
    }

    setPinned(session) {
      this.lanes.pinned = session;
      this.schedule();
    }

    schedule() {
      this.frame ??= requestAnimationFrame(() => this.draw());
    }

    draw() {
      cancelAnimationFrame(this.frame);
      this.frame = null;
      if (!this.data || !this.view || this.root.hidden) return;
      const { view, data, lanes, parts } = this;
      lanes.choose(view, this.moving);
      // The numbers, the axis and the slider leave as much free as the scroll bar of the lanes takes.
      const gutter = parts.scroller.offsetWidth - parts.scroller.clientWidth;
      this.root.style.setProperty("--gutter", `${gutter}px`);
      this.width = Math.max(parts.rows.clientWidth - parts.zone.offsetWidth - gutter, 50);
      const ticks = this.curves.draw({
        view,
        width: this.width,
        counted: this.counted,
        start: data.from,
        stop: Math.min(data.until, data.now),
        withPeople: this.byPerson,
        clock: this.clock,
      });
      lanes.draw(view, this.width, ticks);
      parts.merged.hidden = !lanes.merged;
      parts.scroller.hidden = !lanes.arranged.length;
      this.drawMoment();
      if (!lanes.has(this.preview.bar)) this.rest();
    }

    drawMoment() {
      const { from, until } = this.view;
      const { slider, output } = this.parts;
      const known = Math.max(Math.min(until, this.data.now), from + 1);
      slider.step = views.grain(this.view);
      slider.min = from;
      slider.max = known;
      // The middle of the thumb goes from the first pixel to that of the last time that is known.
      slider.style.width = `calc(${((known - from) / (until - from)) * this.width}px + var(--thumb))`;
      const moment = this.moment;
      const inView = moment !== null && moment >= from && moment <= until;
      const x = inView ? Math.round(((moment - from) / (until - from)) * this.width) + 0.5 : 0;
      for (const line of this.lines) {
        const height = line.ownerSVGElement.getAttribute("height");
        update(line, { x1: x, x2: x, y1: 0, y2: height, visibility: inView ? "visible" : "hidden" });
      }
      if (!this.sliding) slider.value = moment ?? known;
      const text = inView ? this.momentText(moment) : this.words.say(moment === null ? "no-moment" : "moment-outside");
      if (output.textContent !== text) output.textContent = text;
      slider.setAttribute("aria-valuetext", inView ? text : this.clock.moment(Number(slider.value)));
    }

    momentText(moment) {
      const { data } = this;
      const time = this.clock.moment(moment);
      if (moment < data.from || moment > Math.min(data.until, data.now)) return time;
      const { connections, people } = counts.at(this.counted, moment);
      return this.words.say(`moment-${data.complete ? data.by : "about"}`, {
        time,
        connections: this.clock.number(connections),
        people: this.clock.number(people),
      });
    }

    /** How many stays are in sight; null if that is not known. */
    seen() {
      const { from, until } = this.view;
      if (!this.data.complete) return null;
      const isSeen = ({ joined, end }) => joined < until && (end > from || joined >= from);
      return this.lanes.arranged.flatMap(({ rows }) => rows.flat().flatMap(({ stays }) => stays.filter(isSeen))).length;
    }

    point(bar) {
      const { data, byPerson } = this;
      this.preview.show(bar, { now: data.now, maxAge: data.max_age, byPerson });
    }

    /** Shows what is shown when nothing is pointed at: the bar with the focus, or the one that is pinned. */
    rest() {
      this.point(this.lanes.focused()?.bar ?? this.barOf(this.lanes.pinned));
    }

    /** The bar of a stay, if it is in sight. */
    barOf(session) {
      for (const { bars } of this.lanes.drawn) {
        const found = bars.find(({ count, first }) => count === 1 && first.session === session);
        if (found) return found;
      }
      return null;
    }

    timeAt(x) {
      const { from, until } = this.view;
      return from + (Math.min(Math.max(x, 0), this.width) / this.width) * (until - from);
    }

    setBrush(one, other) {
      const visible = one !== null;
      update(this.brush, {
        x: visible ? Math.min(one, other) : 0,
        width: visible ? Math.abs(other - one) : 0,
        height: visible ? this.parts.counts.getAttribute("height") : 0,
      });
    }
  }

  window.presenceTimeline.Chart = Chart;
})();
