// Draws the numbers of connections and people over time, and the time axis.

import * as counts from "./counts.js";
import { arrangeChildren, shape, update } from "./elements.js";
import { ticks } from "./ticks.js";

const HEIGHT = 96;
const TOP_MARGIN = 8;
const AXIS_HEIGHT = 36;
const CHAR_WIDTH = 6.4;

/** The whole numbers at which the y axis has a line: 0, and two or three more. */
function levels(most) {
  const size = Math.max(1, most / 3);
  const power = 10 ** Math.floor(Math.log10(size));
  const step = Math.max(1, [1, 2, 5, 10].find((n) => n * power >= size) * power);
  const found = [];
  for (let level = 0; level < most + step; level += step) found.push(level);
  return found;
}

/** The line through the corners of a step function. */
function path(corners, y) {
  return corners.map(([x, number], index) => {
    const up = index && corners[index - 1][1] !== number ? `V${round(y(number))}` : "";
    return index ? `H${round(x)}${up}` : `M${round(x)},${round(y(number))}`;
  }).join("");
}

const round = (number) => Math.round(number * 10) / 10;

export class Curves {
  constructor(svg, axis) {
    this.svg = svg;
    this.axis = axis;
    this.grid = shape("g", { class: "grid" });
    this.unknown = shape("g", { class: "unknown" });
    this.area = shape("path", { class: "connections area" });
    this.connections = shape("path", { class: "connections line" });
    this.people = shape("path", { class: "people line" });
    svg.prepend(this.unknown, this.grid, this.area, this.connections, this.people);
    this.marks = shape("g");
    axis.prepend(this.marks);
  }

  /**
   * Draws `counted`, which is known from `start` to `stop`. `removed` has the end of the time of which events were removed
   * and its label, or is null. Returns the ticks of the axis, in pixels.
   */
  draw({ view, width, counted, start, stop, withPeople, removed, clock }) {
    update(this.svg, { width, height: HEIGHT });
    update(this.axis, { width, height: AXIS_HEIGHT });
    const most = Math.max(
      1,
      counts.peak(counted, "connections", view.from, view.until),
      withPeople ? counts.peak(counted, "people", view.from, view.until) : 0,
    );
    const lines = levels(most);
    const y = (number) => HEIGHT - 1 - (number / lines.at(-1)) * (HEIGHT - TOP_MARGIN);
    this.drawGrid(lines, y, width, clock);
    const corners = counts.corners(counted, "connections", view, start, stop, width);
    const line = path(corners, y);
    update(this.connections, { d: line });
    update(this.area, {
      d: corners.length ? `${line}V${round(y(0))}H${round(corners[0][0])}Z` : "",
    });
    const people = withPeople ? counts.corners(counted, "people", view, start, stop, width) : [];
    update(this.people, { d: path(people, y) });
    this.drawUnknown(view, width, start, stop, removed);
    const found = ticks(view, width, clock);
    this.drawAxis(found, view, width);
    return found.marks.map(({ time }) => ((time - view.from) / (view.until - view.from)) * width);
  }

  drawGrid(lines, y, width, clock) {
    const marks = lines.flatMap((level) => {
      const height = round(y(level));
      const label = shape("text", { x: -6, y: Math.min(height + 4, HEIGHT - 1), class: "level" });
      label.textContent = clock.number(level);
      return [shape("line", { x1: 0, x2: width, y1: height, y2: height }), label];
    });
    arrangeChildren(this.grid, marks);
  }

  /** Marks the parts of the view that are not loaded, in the future, or before the horizon. */
  drawUnknown(view, width, start, stop, removed) {
    const x = (time) => ((time - view.from) / (view.until - view.from)) * width;
    const spans = [
      [0, x(Math.min(Math.max(start, view.from), view.until))],
      [x(Math.max(Math.min(stop, view.until), view.from)), width],
    ];
    const bands = spans
      .filter(([from, until]) => until - from > 0.5)
      .map(([from, until]) => shape("rect", { x: round(from), width: round(until - from), height: HEIGHT }));
    const end = removed ? x(Math.min(removed.until, view.until)) : 0;
    if (removed && end > removed.text.length * CHAR_WIDTH + 8) {
      const label = shape("text", { x: 4, y: 14, class: "removed-label" });
      label.textContent = removed.text;
      bands.push(label);
    }
    arrangeChildren(this.unknown, bands);
  }

  drawAxis({ marks, contexts }, view, width) {
    const x = (time) => ((time - view.from) / (view.until - view.from)) * width;
    const shapes = [];
    for (const { time, label } of marks) {
      const place = round(x(time));
      shapes.push(shape("line", { x1: place, x2: place, y1: 0, y2: 5 }));
      const half = (label.length * CHAR_WIDTH) / 2;
      if (place < half || place > width - half) continue;
      const text = shape("text", { x: place, y: 16, class: "tick" });
      text.textContent = label;
      shapes.push(text);
    }
    contexts.forEach(({ time, label }, index) => {
      const place = Math.max(0, round(x(time)));
      const next = index + 1 < contexts.length ? x(contexts[index + 1].time) : width + 40;
      if (index) shapes.push(shape("line", { x1: place, x2: place, y1: 0, y2: AXIS_HEIGHT, class: "border" }));
      if (next - place < label.length * CHAR_WIDTH + 8) return;
      const text = shape("text", { x: place + (index ? 5 : 0), y: 32, class: "context" });
      text.textContent = label;
      shapes.push(text);
    });
    arrangeChildren(this.marks, shapes);
  }
}
