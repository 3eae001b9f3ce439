// Replaces the parts of the page that the server renders, its regions, with those of another address. The focus, open
// details and edited fields survive.

const FIELDS = "input, select, textarea";

/**
 * Replaces the regions of `page` with those of the document `fresh`. A region that `fresh` lacks stays, and its links
 * get the new `moment`.
 */
export function replaceRegions(page, fresh, moment) {
  const newRegions = new Map(regions(fresh));
  for (const [name, region] of regions(page)) {
    const newRegion = newRegions.get(name);
    if (!newRegion) setMoment(region, moment);
    else if (newRegion.innerHTML !== region.pristine) replace(region, newRegion);
  }
}

function setMoment(region, moment) {
  for (const link of region.querySelectorAll("a[data-view]")) {
    const address = new URLSearchParams(link.search);
    if (moment === null) address.delete("moment");
    else address.set("moment", moment);
    link.search = address;
  }
  delete region.pristine;
}

function* regions(root) {
  for (const region of root.querySelectorAll("[data-region]")) {
    region.pristine ??= region.innerHTML;
    yield [region.dataset.region, region];
  }
}

function replace(region, newRegion) {
  const active = region.contains(document.activeElement) ? document.activeElement : null;
  const fields = [...region.querySelectorAll(FIELDS)];
  const edited = fields.filter(isEdited);
  const open = [...region.querySelectorAll("details")].map((details) => details.open);
  const findLike = active && likeFinder(region, active);
  region.pristine = newRegion.innerHTML;
  region.replaceChildren(...document.adoptNode(newRegion).childNodes);
  [...region.querySelectorAll("details")].forEach((details, index) => {
    details.open = open[index] ?? details.open;
  });
  for (const field of edited) restore(region, field, field === active);
  if (findLike && !edited.includes(active)) focus(findLike(region));
}

function focus(target) {
  // The focused element was removed. A heading, for example, takes the focus but is no stop of Tab.
  if (target.tabIndex < 0) target.tabIndex = -1;
  target.focus({ preventScroll: true });
}

function isEdited(field) {
  if (field.type === "hidden" || !("defaultValue" in field)) return false;
  // A partly entered time has no value.
  if (field.validity.badInput) return true;
  // The browser normalizes times.
  const untouched = field.cloneNode();
  untouched.value = field.defaultValue;
  return field.value !== untouched.value;
}

/** Keeps the same element for an edited field, so its selection, history and input method survive. */
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
 * A function that finds the counterpart of the focused element in the new region: an element with the same text, or
 * with the same address, or else the current page of a paginator, or the heading.
 */
function likeFinder(region, active) {
  const { localName } = active;
  const href = active.getAttribute("href");
  const text = signature(active);
  const isPaging = active.closest("section nav");
  return (fresh) => {
    const all = [...fresh.querySelectorAll(localName)];
    return (
      all.find((one) => signature(one) === text) ??
      all.find((one) => href && one.getAttribute("href") === href) ??
      fresh.querySelector(isPaging ? "[aria-current=page]" : "h2") ??
      fresh.querySelector("h2") ??
      fresh
    );
  };
}

/** Identifies a link, button or field among those of its region, even if another one has the same text. */
const signature = ({ name, type, textContent, parentElement }) =>
  JSON.stringify([name, type, textContent.trim(), parentElement.localName]);
