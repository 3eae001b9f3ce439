// What pointer, wheel and keys do to the chart. It says `view`, `moment` and `pin`; whoever listens decides.
"use strict";

(() => {
  const { views, words } = window.presenceTimeline;
  const THRESHOLD = 4;
  const LINE = 16;
  const FINGERS = 50;
  const KEYS = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"]);

  /** Makes `chart` listen to people. */
  function listen(chart) {
    const { counts, bars, scroller, slider } = chart.parts;
    const place = (event, svg) => {
      const box = svg.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const view = (next, settled = false) => chart.say("view", { view: next, settled });
    const zoom = (factor, share) => view(views.zoomed(chart.view, factor, share, chart.data.now));

    dragging(counts, {
      move: (start, { clientX }) => chart.setBrush(start.x, Math.min(Math.max(clientX - start.left, 0), chart.width)),
      end: (start, { clientX }) => {
        chart.setBrush(null);
        const ends = [start.x, clientX - start.left].map((x) => chart.timeAt(x));
        const [from, until] = [Math.min(...ends), Math.max(...ends)];
        if (until > from) view(views.bounded(from, until - from, chart.data.now), true);
      },
      cancel: () => chart.setBrush(null),
    });
    counts.addEventListener("click", (event) => {
      const moment = known(chart, chart.timeAt(place(event, counts).x));
      if (!counts.dragged) chart.say("moment", { moment, settled: true });
    });

    dragging(bars, {
      begin: (start) => Object.assign(start, { view: chart.view, scrolled: scroller.scrollTop }),
      move: (start, event) => {
        const moved = event.clientX - start.clientX;
        view(views.panned(start.view, -moved / chart.width, chart.data.now));
        if (event.pointerType === "mouse") scroller.scrollTop = start.scrolled - (event.clientY - start.clientY);
      },
      end: () => view(chart.view, true),
      cancel: () => view(chart.view, true),
    });
    const pointed = (event) => event.target.closest?.(".bar")?.bar ?? hit(event);
    const hit = (event) => {
      const { x, y } = place(event, bars);
      return chart.lanes.hit(x, y);
    };
    bars.addEventListener("click", (event) => {
      const bar = bars.dragged ? null : pointed(event);
      if (!bar) return;
      chart.lanes.focus(bar);
      choose(chart, bar, view);
    });
    bars.addEventListener("pointermove", (event) => {
      if (event.buttons) return;
      const bar = pointed(event);
      bars.style.cursor = bar ? "pointer" : "";
      if (bar) chart.point(bar);
      else chart.rest();
    });
    bars.addEventListener("pointerleave", () => chart.rest());
    // On an SVG element such a listener would make it a stop of Tab.
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
      if (pressed(chart, event, bar, view, zoom)) event.preventDefault();
    });

    // Without `passive: false` the page would scroll or zoom as well.
    chart.root.addEventListener(
      "wheel",
      (event) => {
        const unit = [1, LINE, scroller.clientHeight][event.deltaMode];
        const [across, down] = [event.deltaX * unit, event.deltaY * unit];
        const share = Math.min(Math.max(place(event, counts).x / chart.width, 0), 1);
        if (event.shiftKey || Math.abs(across) > Math.abs(down)) {
          if (!chart.parts.plot.contains(event.target)) return;
          view(views.panned(chart.view, (across || down) / chart.width, chart.data.now));
        } else if (event.ctrlKey || counts.contains(event.target)) {
          // Fingers that pinch make many small steps, a wheel few large ones.
          zoom(2 ** (down / (Math.abs(down) < FINGERS ? 100 : 300)), share);
        } else {
          return;
        }
        event.preventDefault();
      },
      { passive: false },
    );

    slider.addEventListener("input", () => {
      chart.sliding = true;
      chart.say("moment", { moment: known(chart, Number(slider.value)), settled: false });
    });
    slider.addEventListener("change", () => {
      chart.sliding = false;
    });
  }

  /** A moment as round as the pixels allow, in the view and not in the future. */
  function known({ view, data }, time) {
    const unit = views.grain(view);
    return Math.min(Math.max(Math.round(time / unit) * unit, view.from), views.latest(view, data.now));
  }

  /** Pins a stay. Of several in one bar, comes closer; if that does not part them, gives each a row. */
  function choose(chart, bar, view) {
    if (bar.count === 1) {
      chart.say("pin", { session: bar.first.session });
      return;
    }
    if (bar.items.length === 1) {
      chart.lanes.activate(bar);
      chart.expand(bar.lane);
      return;
    }
    const start = bar.items[0].start;
    const span = Math.max(words.endOf(bar) - start, 1);
    view(views.bounded(start - span / 4, span * 1.5, chart.data.now), true);
  }

  function pressed(chart, { key, ctrlKey }, bar, view, zoom) {
    if (key === "Escape") {
      if (chart.lanes.pinned === null) return false;
      chart.say("pin", { session: null });
    } else if (key === "+" || key === "=" || key === "-") {
      const middle = bar ? (Math.max(bar.x0, 0) + Math.min(bar.x1, chart.width)) / 2 / chart.width : 0.5;
      zoom(key === "-" ? 2 : 0.5, middle);
    } else if (bar && KEYS.has(key)) {
      const next = chart.lanes.neighbour(bar, key, ctrlKey);
      if (next) chart.lanes.focus(next);
    } else if (bar && (key === "Enter" || key === " ")) {
      choose(chart, bar, view);
    } else {
      return false;
    }
    return true;
  }

  /** Says where a drag began, goes and ends. Afterwards `target.dragged` tells a drag from a click. */
  function dragging(target, { begin = () => {}, move, end, cancel }) {
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
        if (Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < THRESHOLD) return;
        target.dragged = true;
        target.classList.add("dragged");
        target.setPointerCapture(event.pointerId);
      }
      move(start, event);
    });
    const finish = (how) => (event) => {
      if (start && target.dragged) how(start, event);
      target.classList.remove("dragged");
      start = null;
    };
    target.addEventListener("pointerup", finish(end));
    target.addEventListener("pointercancel", finish(cancel));
  }

  window.presenceTimeline.listen = listen;
})();
