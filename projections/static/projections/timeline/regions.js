// The parts of the page that the server makes: exchanged for those of another address, without taking away what one is
// about to do in them.
"use strict";

(() => {
  const FIELDS = "input, select, textarea";

  /**
   * Puts the regions of `fresh`, a document, in the place of those of `page`. Those that it lacks stay, but for their
   * links, which lead to `moment` as well.
   */
  function exchange(page, fresh, moment) {
    const answers = new Map(named(fresh));
    for (const [name, region] of named(page)) {
      const answer = answers.get(name);
      if (!answer) redirect(region, moment);
      else if (answer.innerHTML !== region.pristine) replace(region, answer);
    }
  }

  function redirect(region, moment) {
    for (const link of region.querySelectorAll("a[data-view]")) {
      const address = new URLSearchParams(link.search);
      if (moment === null) address.delete("moment");
      else address.set("moment", moment);
      link.search = address;
    }
    delete region.pristine;
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
    const typed = fields.filter(isEdited);
    const open = [...region.querySelectorAll("details")].map((details) => details.open);
    const anchor = active && describe(region, active);
    region.pristine = answer.innerHTML;
    region.replaceChildren(...document.adoptNode(answer).childNodes);
    [...region.querySelectorAll("details")].forEach((details, index) => {
      details.open = open[index] ?? details.open;
    });
    for (const field of typed) restore(region, field, field === active);
    if (anchor && !typed.includes(active)) focus(anchor(region));
  }

  function focus(target) {
    // What the focus was on is gone: the place where it was is none that Tab stops at.
    if (target.tabIndex < 0) target.tabIndex = -1;
    target.focus({ preventScroll: true });
  }

  function isEdited(field) {
    if (field.type === "hidden" || !("defaultValue" in field)) return false;
    // Half of a time has no value.
    if (field.validity.badInput) return true;
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

  /**
   * How to find the like of what has the focus in the region that comes: by what it says, by its address, or else the
   * page one is on, or the heading of it all.
   */
  function describe(region, active) {
    const { localName } = active;
    const href = active.getAttribute("href");
    const what = said(active);
    const isPaging = active.closest("section nav");
    return (fresh) => {
      const all = [...fresh.querySelectorAll(localName)];
      return (
        all.find((one) => said(one) === what) ??
        all.find((one) => href && one.getAttribute("href") === href) ??
        fresh.querySelector(isPaging ? "[aria-current=page]" : "h2") ??
        fresh.querySelector("h2") ??
        fresh
      );
    };
  }

  /** What tells a link, button or field from the others of its region, also from one that says the same elsewhere. */
  const said = ({ name, type, textContent, parentElement }) =>
    JSON.stringify([name, type, textContent.trim(), parentElement.localName]);

  window.presenceTimeline.exchange = exchange;
})();
