// The texts of the chart in the language of the page. The server renders them into a template element.

import { endOf, stateOf } from "./stays.js";
import { SECOND } from "./times.js";

/** Isolates a name from the writing direction of the text around it. */
const isolated = (name) => `\u2068${name}\u2069`;

const toSeconds = (time) => Math.floor(time / SECOND) * SECOND;

export class Translations {
  constructor(template, clock) {
    this.clock = clock;
    this.texts = {};
    for (const { dataset, textContent } of template.content.querySelectorAll("[data-text]")) {
      this.texts[dataset.text] = textContent.trim();
    }
  }

  /** The text `name` with `values` in place of its placeholders. */
  text(name, values = {}) {
    return this.texts[name].replace(/\{(\w+)\}/g, (placeholder, key) => values[key] ?? placeholder);
  }

  /** When and how a stay ended, or that it is open. */
  stayEnd(stay, now, maxAge) {
    return this.text(`until-${stateOf(stay, now, maxAge)}`, this.stayTimes(stay));
  }

  /** The label of a bar that is one stay. */
  stayLabel(stay, lane, now, maxAge) {
    return this.text(`stay-${stateOf(stay, now, maxAge)}`, { name: isolated(lane.label), ...this.stayTimes(stay) });
  }

  /** The times of a stay to the second, as in the table. */
  stayTimes(stay) {
    const [joined, seen, end] = [stay.joined, stay.seen, stay.end].map(toSeconds);
    const { clock } = this;
    return { start: clock.timestamp(joined), seen: clock.end(joined, seen), end: clock.end(joined, end) };
  }

  /** The first start and the last end of the stays of a bar. */
  barTimes(bar) {
    const [start, end] = [bar.items[0].start, endOf(bar)].map(toSeconds);
    return { start: this.clock.timestamp(start), end: this.clock.end(start, end) };
  }

  /** The label of a bar that is several stays. */
  barLabel(bar, lane) {
    return this.text("stays", {
      ...this.barTimes(bar),
      name: isolated(lane.label),
      count: this.clock.number(bar.count),
    });
  }
}
