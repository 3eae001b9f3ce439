// The panel with the facts of a bar. Its place is fixed, so it hides no other bar.

import { element } from "./elements.js";


export class Preview {
  constructor(panel, translations) {
    this.panel = panel;
    this.translations = translations;
    this.hint = [...panel.childNodes];
  }

  /** Shows the facts of `bar`, which belongs to the data of `context`; without a bar, the hint. */
  show(bar, context) {
    const { data = null } = bar ? context : {};
    if (bar && this.bar === bar.key && this.count === bar.count && this.data === data) return;
    Object.assign(this, { bar: bar?.key ?? null, count: bar?.count, data });
    if (!bar) this.panel.replaceChildren(...this.hint);
    else this.panel.replaceChildren(element("dl", {}, ...this.facts(bar, context)));
  }

  facts(bar, context) {
    return bar.count > 1 ? this.mergedFacts(bar) : this.stayFacts(bar, context);
  }

  stayFacts({ first: stay, lane }, { data: { now, max_age: maxAge }, byPerson }) {
    const { clock } = this.translations;
    const facts = byPerson ? [this.fact("who", element("bdi", { text: lane.label }))] : [];
    facts.push(
      this.fact("room", element("bdi", { text: stay.room })),
      this.fact("since", this.translations.stayTimes(stay).start),
      this.fact("until", this.translations.stayEnd(stay, now, maxAge)),
      this.fact("duration", clock.duration(stay.end - stay.joined)),
      this.fact("connection", element("bdi", { text: stay.channel })),
    );
    if (stay.reason !== null) facts.push(this.fact("reason", element("bdi", { text: stay.reason })));
    return facts;
  }

  mergedFacts(bar) {
    const { clock } = this.translations;
    const { start, end } = this.translations.barTimes(bar);
    return [
      this.fact("who", element("bdi", { text: bar.lane.label })),
      this.fact("count", clock.number(bar.count)),
      this.fact("since", start),
      this.fact("until", end),
    ];
  }

  fact(name, ...contents) {
    const value = element("dd", {}, ...contents);
    value.title = value.textContent;
    return element("div", { className: name }, element("dt", { text: this.translations.text(`fact-${name}`) }), value);
  }
}
