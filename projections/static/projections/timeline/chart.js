// The chart as a whole: numbers, axis, lanes, moment, preview. It knows data and a view, and nothing of addresses.
"use strict";

(() => {
  const { Curves, Lanes, Preview, counts, elements, layout, times, views } = window.presenceTimeline;
  const { shape, update } = elements;
  const { HOUR } = times;
  const JOINED = 3;

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
      window.addEventListener("beforeprint", () => this.print(true));
      window.addEventListener("afterprint", () => this.print(false));
    }

    /** Takes the answer `data` for the view `{ from, until }` of it. */
    show(data) {
      this.data = data;
      const first = Math.min(data.from, data.stays[0]?.[JOINED] ?? data.from);
      // What the clock shows comes twice in the hour before and the hour after it is set back.
      this.clock.withOffset = this.clock.isChanged(first - HOUR, data.until + HOUR);
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

    /** Paper does not scroll. */
    print(printing) {
      this.lanes.printing = printing;
      this.draw();
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
      parts.unprinted.hidden = !lanes.unprinted;
      if (lanes.unprinted) {
        parts.unprinted.textContent = this.words.say("unprinted", {
          count: this.clock.number(lanes.shown.length),
          total: this.clock.number(lanes.shown.length + lanes.unprinted),
        });
      }
      this.drawMoment();
      // A bar may have come to be of other stays.
      const previewed = lanes.bar(({ key }) => key === this.preview.bar);
      if (previewed) this.preview.show(previewed, this);
      else this.rest();
    }

    drawMoment() {
      const { from, until } = this.view;
      const { slider, output } = this.parts;
      const known = Math.max(views.latest(this.view, this.data.now), from + 1);
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
      // Who came at the very end of the span came after what is loaded.
      if (moment < data.from || moment >= data.until || moment > data.now) return time;
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

    /** Tells of the bar one points at, where it is seen wherever that is. */
    point(bar) {
      this.parts.preview.classList.add("pointed");
      this.preview.show(bar, this);
    }

    /** Shows what is shown when nothing is pointed at: the bar with the focus, or the one that is pinned. */
    rest() {
      const focused = this.lanes.focused()?.bar;
      if (focused) {
        this.point(focused);
        return;
      }
      this.parts.preview.classList.remove("pointed");
      const { pinned } = this.lanes;
      this.preview.show(this.lanes.bar(({ count, first }) => count === 1 && first.session === pinned), this);
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
