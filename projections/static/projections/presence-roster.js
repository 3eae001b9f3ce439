// <presence-roster room="lobby" url="/ws/lobby/"></presence-roster> shows the people in a room, live.
//
// A roster of yours is shown instead if you set the property `roster`. A <template> in the element is the content of
// each entry: the text of its elements with data-field="name", "tabs", "id" or "info.<key>" is set, and those without a
// text are hidden. Style the parts list, member, name, tabs, count, more, anonymous and status, and those that the
// template names, with ::part(). The texts are in the language of the nearest element with lang, if it is German, and
// else in English.

import { Roster } from "./roster.js";

const TEXTS = {
  en: {
    people: { one: "# person", other: "# people" },
    more: { one: "and # more person", other: "and # more people" },
    anonymous: { one: "# anonymous connection", other: "# anonymous connections" },
    tabs: { one: "# tab", other: "# tabs" },
    connecting: "Connecting …",
    live: "Live",
    paused: "Paused",
    closed: "Disconnected",
  },
  de: {
    people: { one: "# Person", other: "# Personen" },
    more: { one: "und # weitere Person", other: "und # weitere Personen" },
    anonymous: { one: "# anonyme Verbindung", other: "# anonyme Verbindungen" },
    tabs: { one: "# Tab", other: "# Tabs" },
    connecting: "Verbindung wird aufgebaut …",
    live: "Live",
    paused: "Angehalten",
    closed: "Getrennt",
  },
};

// A constructed stylesheet is allowed by every content security policy.
const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
  :host { display: block; overflow-wrap: anywhere; }
  :host([hidden]), [hidden] { display: none !important; }
  p { margin: 0; }
  ul { display: grid; gap: 0.3em; list-style: none; margin-block: 0.5em; padding: 0; }
  li { align-items: baseline; display: flex; flex-wrap: wrap; gap: 0.2em 0.6em; min-inline-size: 0; }
  [part~="tabs"] { border: 1px solid; border-radius: 1em; font-size: 0.85em; padding-inline: 0.6em; }
`);

export class PresenceRoster extends HTMLElement {
  static observedAttributes = ["room", "url"];

  #given = null;
  #own = null;
  #roster = null;
  #listeners = null;
  #entries = new Map();
  #status = paragraph("status");
  #count = paragraph("count");
  #list = element("ul", "list");
  #more = paragraph("more");
  #anonymous = paragraph("anonymous");

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHEET];
    this.#count.setAttribute("aria-live", "polite");
    this.#count.id = "count";
    // Without markers, a list has no role in some browsers.
    this.#list.setAttribute("role", "list");
    this.#list.setAttribute("aria-labelledby", "count");
    root.append(this.#status, this.#count, this.#list, this.#more, this.#anonymous);
  }

  get roster() {
    return this.#roster ?? this.#given;
  }

  set roster(roster) {
    this.#given = roster;
    this.#restart();
  }

  connectedCallback() {
    // It may have been set before this module was loaded.
    if (Object.hasOwn(this, "roster")) {
      this.#given = this.roster;
      delete this.roster;
    }
    this.#start();
  }

  disconnectedCallback() {
    this.#stop();
  }

  attributeChangedCallback(name, before, now) {
    if (!this.#given && before !== now) this.#restart();
  }

  #start() {
    const [room, url] = [this.getAttribute("room"), this.getAttribute("url")];
    if (!this.#given && room && url) this.#own = new Roster(room, { url });
    this.#roster = this.#given ?? this.#own;
    this.#listeners = new AbortController();
    for (const type of ["sync", "state"])
      this.#roster?.addEventListener(type, () => this.#show(), { signal: this.#listeners.signal });
    this.#show();
  }

  #stop() {
    this.#listeners.abort();
    this.#listeners = null;
    this.#own?.close();
    this.#own = this.#roster = null;
  }

  #restart() {
    if (!this.#listeners) return;
    this.#stop();
    this.#start();
  }

  #show() {
    const roster = this.#roster;
    const words = new Words(this);
    const members = roster?.list() ?? [];
    const isKnown = Boolean(roster) && roster.mark !== null;
    const more = roster && roster.listedAll !== null ? roster.people - members.length : 0;
    this.#entries = new Map(members.map((member) => [member.id, this.#entry(member, words)]));
    this.#list.hidden = members.length === 0;
    arrangeChildren(
      this.#list,
      [...this.#entries.values()].map(({ item }) => item),
    );
    words.writeOwn(this.#count, isKnown ? words.number("people", roster.people) : "");
    words.writeOwn(this.#more, isKnown && more > 0 ? words.number("more", more) : "");
    words.writeOwn(this.#anonymous, roster?.anonymous ? words.number("anonymous", roster.anonymous) : "");
    words.writeOwn(this.#status, roster && roster.state !== "live" ? words.texts[roster.state] : "");
    this.#status.setAttribute("part", roster ? `status status-${roster.state}` : "status");
    // A live region has to exist before its text changes.
    this.#count.hidden = false;
  }

  #entry(member, words) {
    const entry = this.#entries.get(member.id) ?? { item: this.#emptyItem() };
    if (entry.member !== member || entry.language !== words.language) {
      Object.assign(entry, { member, language: words.language });
      for (const field of entry.item.querySelectorAll("[data-field]")) {
        const name = field.dataset.field;
        if (name === "tabs") words.writeOwn(field, tabsOf(member, words));
        else words.write(field, fieldOf(member, name));
      }
    }
    return entry;
  }

  #emptyItem() {
    const item = element("li", "member");
    const template = this.querySelector(":scope > template");
    item.append(...(template ? [document.importNode(template.content, true)] : defaultContent()));
    return item;
  }
}

class Words {
  constructor(near) {
    this.language = languageOf(near);
    this.texts = TEXTS[this.language];
  }

  number(name, number) {
    const form = new Intl.PluralRules(this.language).select(number);
    return this.texts[name][form].replace("#", new Intl.NumberFormat(this.language).format(number));
  }

  // Writes only what differs: screen readers read a live region again at every write.
  write(target, text) {
    if (target.textContent !== text) target.textContent = text;
    target.hidden = text === "";
  }

  // Both languages are written from left to right. The paragraph around a text follows the page.
  writeOwn(target, text) {
    const inner = target.firstElementChild ?? target;
    this.write(inner, text);
    target.hidden = inner.hidden;
    Object.assign(inner, { lang: this.language, dir: "ltr" });
  }
}

function languageOf(near) {
  for (let node = near; node; node = node.getRootNode().host) {
    const language = node.closest("[lang]")?.lang;
    if (language) return /^de\b/i.test(language) ? "de" : "en";
  }
  return "en";
}

function tabsOf({ connections }, words) {
  return connections.length > 1 ? words.number("tabs", connections.length) : "";
}

function fieldOf({ id, info }, name) {
  if (name === "name") return text(info?.name) || id;
  if (name === "id") return id;
  return name.startsWith("info.") ? text(info?.[name.slice(5)]) : "";
}

const text = (value) => (value === null || value === undefined ? "" : String(value));

function defaultContent() {
  // Isolated, because a name written from right to left would otherwise reorder the text around it.
  const fields = [element("bdi", "name"), element("span", "tabs")];
  for (const field of fields) field.dataset.field = field.getAttribute("part");
  return fields;
}

function element(name, part) {
  const created = document.createElement(name);
  created.setAttribute("part", part);
  return created;
}

function paragraph(part) {
  const created = element("p", part);
  created.append(document.createElement("bdi"));
  return created;
}

// Makes `children` the children of `parent`, and moves as few of them as possible.
function arrangeChildren(parent, children) {
  const kept = new Set(children);
  for (const child of [...parent.childNodes]) if (!kept.has(child)) child.remove();
  let next = parent.firstChild;
  for (const child of children) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
}

if (!customElements.get("presence-roster")) customElements.define("presence-roster", PresenceRoster);
