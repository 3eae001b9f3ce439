// What is said of the bar one points at: in a fixed place, so that it never hides another.
"use strict";

(() => {
  const { elements } = window.presenceTimeline;
  const { element } = elements;

  class Preview {
    constructor(panel, texts) {
      this.panel = panel;
      this.words = texts;
      this.hint = [...panel.childNodes];
    }

    /** Shows the facts of `bar`, a part of `data`; without one, what there is to do. */
    show(bar, context) {
      const { data = null } = bar ? context : {};
      if (bar && this.bar === bar.key && this.count === bar.count && this.data === data) return;
      Object.assign(this, { bar: bar?.key ?? null, count: bar?.count, data });
      if (!bar) this.panel.replaceChildren(...this.hint);
      else this.panel.replaceChildren(element("dl", {}, ...this.facts(bar, context)));
    }

    facts(bar, context) {
      return bar.count > 1 ? this.several(bar) : this.one(bar, context);
    }

    one({ first: stay, lane }, { data: { now, max_age: maxAge }, byPerson }) {
      const { clock } = this.words;
      const facts = byPerson ? [this.fact("who", element("bdi", { text: lane.label }))] : [];
      facts.push(
        this.fact("room", element("bdi", { text: stay.room })),
        this.fact("since", this.words.times(stay).start),
        this.fact("until", this.words.until(stay, now, maxAge)),
        this.fact("duration", clock.duration(stay.end - stay.joined)),
        this.fact("connection", element("bdi", { text: stay.channel })),
      );
      if (stay.reason !== null) facts.push(this.fact("reason", element("bdi", { text: stay.reason })));
      return facts;
    }

    several(bar) {
      const { clock } = this.words;
      const { start, end } = this.words.timesOfAll(bar);
      return [
        this.fact("who", element("bdi", { text: bar.lane.label })),
        this.fact("count", clock.number(bar.count)),
        this.fact("since", start),
        this.fact("until", end),
      ];
    }

    fact(name, ...contents) {
      const what = element("dd", {}, ...contents);
      what.title = what.textContent;
      return element("div", { className: name }, element("dt", { text: this.words.say(`fact-${name}`) }), what);
    }
  }

  window.presenceTimeline.Preview = Preview;
})();
