// Keeps the page and its address in step: the address states what is shown, and user actions change the address.

import * as address from "./address.js";
import { replaceRegions } from "./replace-regions.js";
import { iso } from "./times.js";
import { rounded } from "./views.js";

/** Milliseconds without input after which a new view becomes the address. */
const VIEW_DELAY = 300;
const MOMENT_DELAY = 200;
/** Windows in which the chart takes the place of the form, which a click opens. */
const SMALL = "(max-width: 640px), (max-height: 850px)";

export class Page {
  constructor(root, chart) {
    this.root = root;
    this.chart = chart;
    this.translations = chart.translations;
    this.clock = chart.clock;
    this.parts = chart.parts;
    this.loaded = null;
    this.timers = {};
    this.requests = {};
    this.problems = {};
    /** The query that the regions of the page belong to. */
    this.regionsSearch = location.search;
    this.isStayAnnounced = false;
    root.querySelector(".timeline-choice").open = !matchMedia(SMALL).matches;
    this.writeZone();
    chart.addEventListener("view", ({ detail }) => this.setView(detail.view, detail.settled));
    chart.addEventListener("moment", ({ detail }) => this.setMoment(detail.moment, detail.settled));
    chart.addEventListener("pin", ({ detail }) => this.pin(detail.session));
    root.addEventListener("click", (event) => this.onClick(event));
    window.addEventListener("popstate", () => this.onPopState());
    this.showAddress();
    if (chart.view) this.load();
  }

  writeZone() {
    const { zone } = this.parts;
    zone.textContent = this.translations.text(this.clock.isZoneUnknown ? "zone-refused" : "zone", {
      zone: this.clock.zone,
      asked: this.root.dataset.timeZone,
    });
    zone.title = zone.textContent;
  }

  /** Makes the chart show what the address states. */
  showAddress() {
    const { view, moment, stay } = address.read(location.search);
    if (view) this.chart.setView(view);
    this.chart.setMoment(moment);
    this.stay = stay;
    this.chart.setPinned(stay);
  }

  /** Shows `view` at once. It becomes the address after a pause, or at once if it is `settled`. */
  setView(view, settled) {
    this.chart.setView(view, !settled);
    this.schedule("view", settled ? 0 : VIEW_DELAY, () => this.navigate(this.settleView()));
  }

  /** Rounds the view, and returns the changes of the address for it. */
  settleView() {
    const view = rounded(this.chart.view, this.chart.data.now);
    this.chart.setView(view);
    return { from: iso(view.from), until: iso(view.until), page: null };
  }

  setMoment(moment, settled) {
    this.chart.setMoment(moment);
    // A new moment replaces the entry of the history, so "back" does not lead through all of them.
    this.schedule("moment", settled ? 0 : MOMENT_DELAY, () => {
      if (this.changeAddress({ moment: iso(moment) }, "replaceState")) this.refresh();
    });
  }

  pin(session) {
    this.stay = session;
    this.chart.setPinned(session);
    // A view that has not become the address yet is part of the same entry of the history.
    const changes = this.timers.view ? this.settleView() : {};
    this.cancelTimers("view");
    this.navigate({ ...changes, stay: session }, session !== null);
  }

  /** Runs `action` after a delay in which it is not scheduled again. */
  schedule(name, milliseconds, action) {
    this.cancelTimers(name);
    this.timers[name] = setTimeout(() => {
      delete this.timers[name];
      action();
    }, milliseconds);
  }

  /** Cancels the timers with these names, or all timers. */
  cancelTimers(...names) {
    for (const name of names.length ? names : Object.keys(this.timers)) {
      clearTimeout(this.timers[name]);
      delete this.timers[name];
    }
  }

  /** Changes the address, and the page with it. With `toStay`, shows the details of the stay. */
  navigate(changes, toStay = false) {
    if (this.changeAddress(changes, "pushState")) this.onAddressChange(toStay);
    else if (toStay) this.showStay();
  }

  /** Changes the address, and returns whether the new one differs. */
  changeAddress(changes, method) {
    const search = address.changed(location.search, changes);
    if (search === location.search) return false;
    history[method](null, "", search);
    return true;
  }

  /** Follows a link to another view of the timeline without loading the page again. */
  onClick(event) {
    const link = event.target.closest("a[data-view]");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!plain || event.defaultPrevented || link?.origin !== location.origin || link.pathname !== location.pathname) {
      return;
    }
    event.preventDefault();
    this.cancelTimers();
    const { stay } = this;
    history.pushState(null, "", link.search);
    this.showAddress();
    this.onAddressChange(this.stay !== null && this.stay !== stay);
  }

  onPopState() {
    this.cancelTimers();
    this.showAddress();
    this.onAddressChange();
  }

  /** Updates the regions, and loads data if the address needs more. */
  onAddressChange(toStay = false) {
    this.isStayAnnounced = false;
    this.refresh(toStay);
    // The server adds the times to the address of a preset.
    if (address.hasSpan(location.search)) this.updateChart();
  }

  updateChart() {
    if (!this.isLoaded()) {
      this.load();
      return;
    }
    // A request that is still open is for a span that is no longer shown.
    this.requests.data?.abort();
    this.setProblem("data", null);
    this.announce();
  }

  /** Whether the loaded data covers the address. It contains nothing that happened after it was loaded. */
  isLoaded() {
    const { loaded } = this;
    const { view } = this.chart;
    const isSame = loaded && loaded.subject === address.subject(location.search);
    return isSame && loaded.complete && view.from >= loaded.from && view.until <= Math.min(loaded.until, loaded.now);
  }

  /** Replaces the regions with those of the address. With `toStay`, shows the details of the stay. */
  async refresh(toStay = false) {
    const search = location.search;
    // The other regions are expensive, and are on the page already.
    const onlyMoment = address.withoutMoment(search) === address.withoutMoment(this.regionsSearch);
    const headers = onlyMoment ? { "X-Timeline-Regions": "moment" } : {};
    const response = await this.request("regions", `${location.pathname}${search}`, "text/html", headers);
    if (!response) return;
    const fresh = new DOMParser().parseFromString(response.text, "text/html");
    if (!fresh.querySelector("#presence-timeline")) {
      this.logIn();
      return;
    }
    const canonical = new URL(response.url);
    this.regionsSearch = canonical.search;
    replaceRegions(this.root, fresh, new URLSearchParams(this.regionsSearch).get("moment"));
    if (toStay) this.showStay();
    if (canonical.pathname === location.pathname && canonical.search !== search) {
      history.replaceState(null, "", canonical.search);
      this.showAddress();
      this.updateChart();
    }
  }

  /** Scrolls to the details of the selected stay, and announces them. */
  showStay() {
    this.root.querySelector("[data-region=stay]").scrollIntoView({ block: "nearest" });
    this.isStayAnnounced = true;
    if (this.loaded) this.announce();
  }

  /** Loads the data of the address, and draws it. */
  async load() {
    const search = location.search;
    const url = `${this.root.dataset.source}?${address.dataQuery(search)}`;
    const response = await this.request("data", url, "application/json");
    if (!response) return;
    const data = JSON.parse(response.text);
    performance.clearMarks("presence-timeline");
    performance.clearMeasures("presence-timeline");
    performance.mark("presence-timeline");
    this.loaded = { ...data, subject: address.subject(search) };
    if (!this.chart.view) this.chart.setView({ from: data.from, until: data.until });
    this.chart.show(data);
    this.chart.draw();
    performance.measure("presence-timeline", "presence-timeline");
    this.announce();
  }

  /**
   * Requests a URL, and aborts an open request with the same `name`. Returns null if the request was aborted or failed.
   * The page shows a failure.
   */
  async request(name, url, type, headers = {}) {
    this.requests[name]?.abort();
    const request = new AbortController();
    this.requests[name] = request;
    this.chart.root.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(url, { signal: request.signal, headers: { Accept: type, ...headers } });
      const text = await response.text();
      const isExpectedType = (response.headers.get("Content-Type") ?? "").startsWith(type);
      if (name === "data" && this.loaded && (response.status === 403 || (response.ok && !isExpectedType))) {
        this.logIn();
        return null;
      }
      if (!response.ok || !isExpectedType) {
        throw new Error(name === "data" && isExpectedType ? JSON.parse(text).error : "");
      }
      this.setProblem(name, null);
      return { text, url: response.url };
    } catch (error) {
      if (error.name !== "AbortError") this.setProblem(name, error instanceof TypeError ? "" : error.message);
      return null;
    } finally {
      if (this.requests[name] === request) delete this.requests[name];
      this.chart.root.setAttribute("aria-busy", String(Object.keys(this.requests).length > 0));
    }
  }

  /** Loads the page again: the server asks for a login, and then redirects to this address. */
  logIn() {
    Object.values(this.requests).forEach((request) => request.abort());
    location.reload();
  }

  /** Shows that the request `name` failed, with the error's text if it has one; null removes the failure. */
  setProblem(name, error) {
    this.problems[name] = error;
    const errors = Object.values(this.problems).filter((problem) => problem !== null);
    const { problem } = this.parts;
    problem.hidden = !errors.length;
    const failed = this.translations.text(this.loaded ? "problem" : "problem-first");
    problem.textContent = errors.length ? [failed, ...new Set(errors)].join(" ").trim() : "";
    if (errors.length) this.chart.root.hidden = false;
  }

  /** Updates the status, which screen readers announce. */
  announce() {
    const { from, until } = this.chart.view;
    const stays = this.chart.visibleStays();
    const shown = this.translations.text(stays === null ? "shown" : "shown-stays", {
      start: this.clock.timestamp(from),
      end: this.clock.end(from, until),
      stays: stays === null ? "" : this.clock.number(stays),
    });
    this.parts.status.textContent = this.isStayAnnounced ? `${shown} ${this.translations.text("stay-below")}` : shown;
  }
}
