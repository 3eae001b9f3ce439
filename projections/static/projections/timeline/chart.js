// The chart: curves, axis, lanes, moment and preview. It shows data in a view, and knows nothing of addresses.

import * as counts from "./counts.js";
import { Curves } from "./curves.js";
import { shape, update } from "./elements.js";
import { Lanes } from "./lanes.js";
import { arrange } from "./layout.js";
import { Preview } from "./preview.js";
import { HOUR } from "./times.js";
import * as views from "./views.js";

const JOINED = 3;

/** Emits `view`, `moment` and `pin` when the user asks for another view, another moment or another stay. */
export class Chart extends EventTarget {
  constructor(root, translations) {
    super();
    this.root = root;
    this.translations = translations;
    this.clock = translations.clock;
    this.parts = {};
    for (const part of root.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    const { counts: svg, axis, scroller, canvas, names, bars, preview } = this.parts;
    this.curves = new Curves(svg, axis);
    this.lanes = new Lanes({ scroller, canvas, names, svg: bars, footer: preview, translations });
    this.lanes.redraw = () => this.draw();
    this.preview = new Preview(preview, translations);
    this.lines = [svg, axis, bars].map((parent) => parent.appendChild(shape("line", { class: "moment" })));
    this.shade = shape("rect", { class: "removed", x: 0, y: 0 });
    bars.prepend(this.shade);
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

  /** Takes the answer `data` of the server. */
  show(data) {
    this.data = data;
    const first = Math.min(data.from, data.stays[0]?.[JOINED] ?? data.from);
    // Readings repeat in the hour before and the hour after clocks are set back.
    this.clock.withOffset = this.clock.hasClockChange(first - HOUR, data.until + HOUR);
    this.expanded.clear();
    this.counted = counts.count(data);
    this.byPerson = data.by === "person";
    this.root.dataset.by = data.by;
    this.arrange();
    this.parts.incomplete.hidden = data.complete;
    this.parts.empty.hidden = !data.complete || data.stays.length > 0 || data.horizon !== null;
    this.parts.horizon.hidden = data.horizon === null;
    if (data.horizon !== null) {
      const time = this.clock.timestamp(data.horizon);
      this.parts.horizon.textContent = this.translations.text("horizon", { time });
    }
    this.root.hidden = false;
  }

  arrange() {
    const { data } = this;
    const arranged = data.complete ? arrange(data, data.now, this.expanded) : [];
    this.lanes.show(arranged, { now: data.now, maxAge: data.max_age });
  }

  /** Gives each stay of a lane a row of its own, however many are simultaneous. */
  expand(lane) {
    this.expanded.add(lane.index);
    this.arrange();
    this.draw();
  }

  /** Dispatches an event. In `detail`, `settled` is false while the user still moves. */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
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

  /** Draws all lanes for printing, also those that have to be scrolled to on a screen. */
  print(printing) {
    this.lanes.printing = printing;
    this.draw();
  }

  /** Draws in the next frame. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    if (!this.data || !this.view || this.root.hidden) return;
    const { view, data, lanes, parts } = this;
    lanes.select(view, this.moving);
    // Curves, axis and slider stay clear of the width of the lanes' scroll bar.
    const gutter = parts.scroller.offsetWidth - parts.scroller.clientWidth;
    this.root.style.setProperty("--gutter", `${gutter}px`);
    this.width = Math.max(parts.rows.clientWidth - parts.zone.offsetWidth - gutter, 50);
    const ticks = this.curves.draw({
      view,
      width: this.width,
      counted: this.counted,
      start: this.start,
      stop: Math.min(data.until, data.now),
      withPeople: this.byPerson,
      removed: data.horizon === null ? null : { until: data.horizon, text: this.translations.text("removed") },
      clock: this.clock,
    });
    this.drawHorizon();
    lanes.draw(view, this.width, ticks);
    parts.merged.hidden = !lanes.merged;
    parts.scroller.hidden = !lanes.arranged.length;
    parts.unprinted.hidden = !lanes.unprinted;
    if (lanes.unprinted) {
      parts.unprinted.textContent = this.translations.text("unprinted", {
        count: this.clock.number(lanes.shown.length),
        total: this.clock.number(lanes.shown.length + lanes.unprinted),
      });
    }
    this.drawMoment();
    // The previewed bar may now consist of other stays.
    const previewed = lanes.bar(({ key }) => key === this.preview.bar);
    if (previewed) this.preview.show(previewed, this);
    else this.rest();
  }

  /** The time from which the numbers are known. */
  get start() {
    return Math.max(this.data.from, this.data.horizon ?? this.data.from);
  }

  /** Shades the lanes before the horizon. */
  drawHorizon() {
    const { from, until } = this.view;
    const end = Math.min(Math.max(this.data.horizon ?? from, from), until);
    const width = Math.round(((end - from) / (until - from)) * this.width);
    update(this.shade, { width, height: "100%", visibility: width ? "visible" : "hidden" });
  }

  drawMoment() {
    const { from, until } = this.view;
    const { slider, output } = this.parts;
    const known = Math.max(views.latest(this.view, this.data.now), from + 1);
    slider.step = views.resolution(this.view);
    slider.min = from;
    slider.max = known;
    // The middle of the thumb moves from the first pixel to the one of the last known time.
    slider.style.width = `calc(${((known - from) / (until - from)) * this.width}px + var(--thumb))`;
    const moment = this.moment;
    const inView = moment !== null && moment >= from && moment <= until;
    const x = inView ? Math.round(((moment - from) / (until - from)) * this.width) + 0.5 : 0;
    for (const line of this.lines) {
      const height = line.ownerSVGElement.getAttribute("height");
      update(line, { x1: x, x2: x, y1: 0, y2: height, visibility: inView ? "visible" : "hidden" });
    }
    if (!this.sliding) slider.value = moment ?? known;
    const noMoment = moment === null ? "no-moment" : "moment-outside";
    const text = inView ? this.momentText(moment) : this.translations.text(noMoment);
    if (output.textContent !== text) output.textContent = text;
    slider.setAttribute("aria-valuetext", inView ? text : this.clock.timestamp(Number(slider.value)));
  }

  momentText(moment) {
    const { data } = this;
    const time = this.clock.timestamp(moment);
    // The loaded data does not contain connections that joined at the very end of the span.
    if (data.horizon !== null && moment < data.horizon) return this.translations.text("moment-removed", { time });
    if (moment < data.from || moment >= data.until || moment > data.now) return time;
    const { connections, people } = counts.at(this.counted, moment);
    return this.translations.text(`moment-${data.complete ? data.by : "about"}`, {
      time,
      connections: this.clock.number(connections),
      people: this.clock.number(people),
    });
  }

  /** The number of stays in the view; null if it is not known. */
  visibleStays() {
    const { from, until } = this.view;
    if (!this.data.complete) return null;
    const isInView = ({ joined, end }) => joined < until && (end > from || joined >= from);
    return this.lanes.arranged.flatMap(({ rows }) => rows.flat().flatMap(({ stays }) => stays.filter(isInView))).length;
  }

  /** Shows the facts of the bar under the pointer, where they are visible however far the page is scrolled. */
  point(bar) {
    this.parts.preview.classList.add("pointed");
    this.preview.show(bar, this);
  }

  /** Shows the facts of the focused bar, or of the pinned stay: the pointer is on no bar. */
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

  /** The time at a pixel. */
  timeAt(x) {
    const { from, until } = this.view;
    return from + (Math.min(Math.max(x, 0), this.width) / this.width) * (until - from);
  }

  /** Marks the part of the curves between two pixels; null removes the mark. */
  setBrush(one, other) {
    const visible = one !== null;
    update(this.brush, {
      x: visible ? Math.min(one, other) : 0,
      width: visible ? Math.abs(other - one) : 0,
      height: visible ? this.parts.counts.getAttribute("height") : 0,
    });
  }
}
