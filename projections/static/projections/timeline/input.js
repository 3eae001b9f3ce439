// Turns input of pointer, wheel and keys into events of the chart: `view`, `moment` and `pin`.

import { endOf } from "./stays.js";
import * as views from "./views.js";

/** Pixels from which a movement is a drag and not a click. */
const DRAG_THRESHOLD = 4;
const LINE_HEIGHT = 16;
/** Pixels below which a step of the wheel comes from a pinch. */
const MAX_PINCH_STEP = 50;
const KEYS = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"]);

/** Attaches all input handlers to `chart`. */
export function handleInput(chart) {
  const { counts, bars, scroller, slider } = chart.parts;
  const position = (event, svg) => {
    const box = svg.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const setView = (next, settled = false) => chart.emit("view", { view: next, settled });
  const zoom = (factor, share) => setView(views.zoomed(chart.view, factor, share, chart.data.now));

  handleDrag(counts, {
    move: (start, { clientX }) => chart.setBrush(start.x, Math.min(Math.max(clientX - start.left, 0), chart.width)),
    end: (start, { clientX }) => {
      chart.setBrush(null);
      const ends = [start.x, clientX - start.left].map((x) => chart.timeAt(x));
      const [from, until] = [Math.min(...ends), Math.max(...ends)];
      if (until > from) setView(views.bounded(from, until - from, chart.data.now), true);
    },
    cancel: () => chart.setBrush(null),
  });
  counts.addEventListener("click", (event) => {
    const moment = knownMoment(chart, chart.timeAt(position(event, counts).x));
    if (!counts.dragged) chart.emit("moment", { moment, settled: true });
  });

  handleDrag(bars, {
    begin: (start) => Object.assign(start, { view: chart.view, scrolled: scroller.scrollTop }),
    move: (start, event) => {
      const moved = event.clientX - start.clientX;
      setView(views.panned(start.view, -moved / chart.width, chart.data.now));
      if (event.pointerType === "mouse") scroller.scrollTop = start.scrolled - (event.clientY - start.clientY);
    },
    end: () => setView(chart.view, true),
    cancel: () => setView(chart.view, true),
  });
  const barAt = (event) => event.target.closest?.(".bar")?.bar ?? hit(event);
  const hit = (event) => {
    const { x, y } = position(event, bars);
    return chart.lanes.hit(x, y);
  };
  bars.addEventListener("click", (event) => {
    const bar = bars.dragged ? null : barAt(event);
    if (!bar) return;
    chart.lanes.focus(bar);
    select(chart, bar, setView);
  });
  bars.addEventListener("pointermove", (event) => {
    if (event.buttons) return;
    const bar = barAt(event);
    bars.style.cursor = bar ? "pointer" : "";
    if (bar) chart.point(bar);
    else chart.rest();
  });
  bars.addEventListener("pointerleave", () => chart.rest());
  // A focus listener on an SVG element would make the element a stop of Tab.
  scroller.addEventListener("focusin", ({ target }) => {
    const bar = target.closest(".bar")?.bar;
    if (bar) {
      chart.lanes.activate(bar);
      chart.point(bar);
    }
    if (target.matches(":focus-visible")) chart.lanes.reveal(target);
  });
  scroller.addEventListener("focusout", () => chart.rest());

  chart.root.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey || event.target.closest("input, select, textarea, a")) return;
    const bar = event.target.closest(".bar")?.bar;
    if (handleKey(chart, event, bar, setView, zoom)) event.preventDefault();
  });

  // A passive listener cannot prevent the page from scrolling or zooming.
  chart.root.addEventListener(
    "wheel",
    (event) => {
      const unit = [1, LINE_HEIGHT, scroller.clientHeight][event.deltaMode];
      const [across, down] = [event.deltaX * unit, event.deltaY * unit];
      const share = Math.min(Math.max(position(event, counts).x / chart.width, 0), 1);
      if (event.shiftKey || Math.abs(across) > Math.abs(down)) {
        if (!chart.parts.plot.contains(event.target)) return;
        setView(views.panned(chart.view, (across || down) / chart.width, chart.data.now));
      } else if (event.ctrlKey || counts.contains(event.target)) {
        // A pinch makes many small steps, a wheel few large ones.
        zoom(2 ** (down / (Math.abs(down) < MAX_PINCH_STEP ? 100 : 300)), share);
      } else {
        return;
      }
      event.preventDefault();
    },
    { passive: false },
  );

  slider.addEventListener("input", () => {
    chart.sliding = true;
    chart.emit("moment", { moment: knownMoment(chart, Number(slider.value)), settled: false });
  });
  slider.addEventListener("change", () => {
    chart.sliding = false;
  });
}

/** The moment closest to `time` that is as round as the pixels allow, in the view and not in the future. */
function knownMoment({ view, data }, time) {
  const unit = views.resolution(view);
  return Math.min(Math.max(Math.round(time / unit) * unit, view.from), views.latest(view, data.now));
}

/** Pins the stay of a bar. Zooms in on a bar of several stays, or gives each a row if zooming cannot separate them. */
function select(chart, bar, setView) {
  if (bar.count === 1) {
    chart.emit("pin", { session: bar.first.session });
    return;
  }
  if (bar.items.length === 1) {
    chart.lanes.activate(bar);
    chart.expand(bar.lane);
    return;
  }
  const start = bar.items[0].start;
  const span = Math.max(endOf(bar) - start, 1);
  setView(views.bounded(start - span / 4, span * 1.5, chart.data.now), true);
}

/** Handles a key, and returns whether it did. */
function handleKey(chart, { key, ctrlKey }, bar, setView, zoom) {
  if (key === "Escape") {
    if (chart.lanes.pinned === null) return false;
    chart.emit("pin", { session: null });
  } else if (key === "+" || key === "=" || key === "-") {
    const middle = bar ? (Math.max(bar.x0, 0) + Math.min(bar.x1, chart.width)) / 2 / chart.width : 0.5;
    zoom(key === "-" ? 2 : 0.5, middle);
  } else if (bar && KEYS.has(key)) {
    const next = chart.lanes.neighbour(bar, key, ctrlKey);
    if (next) chart.lanes.focus(next);
  } else if (bar && (key === "Enter" || key === " ")) {
    select(chart, bar, setView);
  } else {
    return false;
  }
  return true;
}

/** Calls back when a drag of `target` begins, moves and ends. After a click, `target.dragged` is false. */
function handleDrag(target, { begin = () => {}, move, end, cancel }) {
  let start = null;
  target.addEventListener("pointerdown", (event) => {
    target.dragged = false;
    if (event.button !== 0 || !event.isPrimary) return;
    const { left } = target.getBoundingClientRect();
    start = { clientX: event.clientX, clientY: event.clientY, left, x: event.clientX - left };
    begin(start);
  });
  target.addEventListener("pointermove", (event) => {
    if (!start || !event.isPrimary) return;
    if (!target.dragged) {
      if (Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < DRAG_THRESHOLD) return;
      target.dragged = true;
      target.classList.add("dragged");
      target.setPointerCapture(event.pointerId);
    }
    move(start, event);
  });
  const finish = (callback) => (event) => {
    if (start && target.dragged) callback(start, event);
    target.classList.remove("dragged");
    start = null;
  };
  target.addEventListener("pointerup", finish(end));
  target.addEventListener("pointercancel", finish(cancel));
}
