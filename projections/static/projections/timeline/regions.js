// The parts of the page that the server makes: exchanged for those of another address, without taking away what one is
// about to do in them.
"use strict";

(() => {
  const FIELDS = "input, select, textarea";

  /** Puts the regions of `fresh`, a document, in the place of those of `page`. */
  function exchange(page, fresh) {
    const answers = new Map(named(fresh));
    for (const [name, region] of named(page)) {
      const answer = answers.get(name);
      if (answer && answer.innerHTML !== region.pristine) replace(region, answer);
    }
  }

  function* named(root) {
    for (const region of root.querySelectorAll("[data-region]")) {
      region.pristine ??= region.innerHTML;
      yield [region.dataset.region, region];
    }
  }

  function replace(region, answer) {
    const active = region.contains(document.activeElement) ? document.activeElement : null;
    const fields = [...region.querySelectorAll(FIELDS)];
    const typed = fields.filter((field) => field === active || isEdited(field));
    const open = [...region.querySelectorAll("details")].map((details) => details.open);
    const anchor = active && describe(region, active);
    region.pristine = answer.innerHTML;
    region.replaceChildren(...document.adoptNode(answer).childNodes);
    [...region.querySelectorAll("details")].forEach((details, index) => {
      details.open = open[index] ?? details.open;
    });
    for (const field of typed) restore(region, field, field === active);
    if (anchor && !typed.includes(active)) anchor(region)?.focus({ preventScroll: true });
  }

  function isEdited(field) {
    if (field.type === "hidden" || !("defaultValue" in field)) return false;
    // The browser writes times in a way of its own.
    const untouched = field.cloneNode();
    untouched.value = field.defaultValue;
    return field.value !== untouched.value;
  }

  /** Puts the very field one is typing in back, so that selection, history and input method stay as they are. */
  function restore(region, field, focused) {
    const fresh = [...region.querySelectorAll(FIELDS)].find(({ name }) => name && name === field.name);
    if (!fresh) return;
    const { selectionStart, selectionEnd } = focused && "selectionStart" in field ? field : {};
    fresh.replaceWith(field);
    if (!focused) return;
    field.focus({ preventScroll: true });
    if (typeof selectionStart === "number") field.setSelectionRange(selectionStart, selectionEnd);
  }

  /** How to find the like of a link or button in the region that comes: by its address, or by what it says. */
  function describe(region, active) {
    const { localName } = active;
    const href = active.getAttribute("href");
    const text = active.textContent.trim();
    return (fresh) => {
      const all = [...fresh.querySelectorAll(localName)];
      const same = (one) => one.textContent.trim() === text;
      return all.find(same) ?? all.find((one) => href && one.getAttribute("href") === href);
    };
  }

  window.presenceTimeline.exchange = exchange;
})();
