// What the chart says: the texts of its template, in the language of the page, and the elements they go into.
"use strict";

(() => {
  const { SECOND } = window.presenceTimeline.times;
  const SVG = "http://www.w3.org/2000/svg";

  /** A name as text that nothing around it is mixed up with, whichever way it is written. */
  const isolated = (name) => `\u2068${name}\u2069`;

  const seconds = (time) => Math.floor(time / SECOND) * SECOND;

  class Words {
    constructor(template, clock) {
      this.clock = clock;
      this.texts = {};
      for (const { dataset, textContent } of template.content.querySelectorAll("[data-text]")) {
        this.texts[dataset.text] = textContent.trim();
      }
    }

    say(text, values = {}) {
      return this.texts[text].replace(/\{(\w+)\}/g, (placeholder, name) => values[name] ?? placeholder);
    }

    /** Until when a stay lasted, or that it goes on. */
    until(stay, now, maxAge) {
      return this.say(`until-${state(stay, now, maxAge)}`, this.times(stay));
    }

    /** The label of the bar of one stay. */
    stay(stay, lane, now, maxAge) {
      return this.say(`stay-${state(stay, now, maxAge)}`, { name: isolated(lane.label), ...this.times(stay) });
    }

    /** Times of a stay to the second, as in the table. */
    times(stay) {
      const [joined, seen, end] = [stay.joined, stay.seen, stay.end].map(seconds);
      return { start: this.clock.moment(joined), seen: this.clock.end(joined, seen), end: this.clock.end(joined, end) };
    }

    /** Times of a bar of several stays. */
    timesOfAll(bar) {
      const [start, end] = [bar.items[0].start, endOf(bar)].map(seconds);
      return { start: this.clock.moment(start), end: this.clock.end(start, end) };
    }

    /** The label of a bar that is several stays. */
    stays(bar, lane) {
      return this.say("stays", {
        ...this.timesOfAll(bar),
        name: isolated(lane.label),
        count: this.clock.number(bar.count),
      });
    }
  }

  /** Whether and how a stay ended. One that goes on may have fallen silent. */
  function state(stay, now, maxAge) {
    if (stay.left !== null) return stay.endedBy;
    return isSilent(stay, now, maxAge) ? "silent" : "open";
  }

  function endOf(bar) {
    return bar.items.reduce((end, item) => Math.max(end, item.end), -Infinity);
  }

  /** Whether a stay that goes on has not been seen for longer than one has to be to be pruned. */
  function isSilent(stay, now, maxAge) {
    return stay.left === null && now - stay.seen > maxAge * 1_000_000;
  }

  function element(name, { className = "", text = "" } = {}, ...children) {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    if (text) made.append(text);
    return made;
  }

  function shape(name, attributes = {}) {
    const made = document.createElementNS(SVG, name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    return made;
  }

  /** Sets what has changed and nothing else: every write may cost a layout. */
  function update(target, attributes) {
    for (const [attribute, value] of Object.entries(attributes)) {
      const text = String(value);
      if (target.getAttribute(attribute) !== text) target.setAttribute(attribute, text);
    }
  }

  /** Makes `children` the children of `parent`, and moves no more than it must, so that nothing loses the focus. */
  function arrangeChildren(parent, children) {
    const kept = new Set(children);
    for (const child of [...parent.childNodes]) if (!kept.has(child)) child.remove();
    let next = parent.firstChild;
    for (const child of children) {
      if (child === next) next = next.nextSibling;
      else parent.insertBefore(child, next);
    }
  }

  window.presenceTimeline.words = { Words, endOf, isSilent };
  window.presenceTimeline.elements = { element, shape, update, arrangeChildren };
})();
