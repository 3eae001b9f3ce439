// The page: its address says what is shown, and follows what is done.
"use strict";

(() => {
  const { Chart, exchange, listen, times, views, words } = window.presenceTimeline;
  const SETTLE = 300;
  const SETTLE_MOMENT = 200;

  class Page {
    constructor(page) {
      this.page = page;
      this.clock = new times.Clock(document.documentElement.lang, page.dataset.timeZone);
      const root = page.querySelector("[data-chart]");
      this.words = new words.Words(page.querySelector("template[data-texts]"), this.clock);
      this.chart = new Chart(root, this.words);
      this.parts = this.chart.parts;
      this.loaded = null;
      this.timers = {};
      this.requests = {};
      this.told = location.search;
      this.saysStay = false;
      this.writeZone();
      listen(this.chart);
      this.chart.addEventListener("view", ({ detail }) => this.look(detail.view, detail.settled));
      this.chart.addEventListener("moment", ({ detail }) => this.choose(detail.moment, detail.settled));
      this.chart.addEventListener("pin", ({ detail }) => this.pin(detail.session));
      page.addEventListener("click", (event) => this.followed(event));
      window.addEventListener("popstate", () => this.restored());
      this.follow();
      if (this.chart.view) this.load();
    }

    writeZone() {
      const { zone } = this.parts;
      zone.textContent = this.words.say(this.clock.refused ? "zone-refused" : "zone", {
        zone: this.clock.zone,
        asked: this.page.dataset.timeZone,
      });
      zone.title = zone.textContent;
    }

    /** Makes the chart what the address says. */
    follow() {
      const address = new URLSearchParams(location.search);
      const [from, until] = [times.parse(address.get("from")), times.parse(address.get("until"))];
      if (from !== null && until !== null && from < until) this.chart.setView({ from, until });
      this.chart.setMoment(times.parse(address.get("moment")));
      this.stay = address.get("stay") ? Number(address.get("stay")) : null;
      this.chart.setPinned(this.stay);
    }

    /** Shows `view` at once, and makes it the address as soon as it is left alone. */
    look(view, settled) {
      this.chart.setView(view, !settled);
      this.later("view", settled ? 0 : SETTLE, () => {
        this.go(this.viewed());
      });
    }

    /** Rounds the view, and returns what the address says of it. */
    viewed() {
      const rounded = views.rounded(this.chart.view, this.chart.data.now);
      this.chart.setView(rounded);
      return { from: times.iso(rounded.from), until: times.iso(rounded.until), page: null };
    }

    choose(moment, settled) {
      this.chart.setMoment(moment);
      // A moment is a place to look at and no step to go back to.
      this.later("moment", settled ? 0 : SETTLE_MOMENT, () => {
        if (this.change({ moment: times.iso(moment) }, "replaceState")) this.refresh();
      });
    }

    pin(session) {
      this.stay = session;
      this.chart.setPinned(session);
      // A view that has not settled yet is part of the same step.
      const viewed = this.timers.view ? this.viewed() : {};
      this.cancel("view");
      this.go({ ...viewed, stay: session }, session !== null);
    }

    /** What is left alone for so long, is done. */
    later(what, milliseconds, action) {
      this.cancel(what);
      this.timers[what] = setTimeout(() => {
        delete this.timers[what];
        action();
      }, milliseconds);
    }

    cancel(...whats) {
      for (const what of whats.length ? whats : Object.keys(this.timers)) {
        clearTimeout(this.timers[what]);
        delete this.timers[what];
      }
    }

    /** Changes the address and all that follows it. */
    go(changes, toStay = false) {
      if (this.change(changes, "pushState")) this.arrived(toStay);
      else if (toStay) this.showStay();
    }

    /** Changes the address, and returns whether it is another one now. */
    change(changes, how) {
      const address = new URLSearchParams(location.search);
      if (changes.from) address.delete("last");
      for (const [name, value] of Object.entries(changes)) {
        if (value === null) address.delete(name);
        else address.set(name, value);
      }
      const search = `?${address}`;
      if (search === location.search) return false;
      history[how](null, "", search);
      return true;
    }

    followed(event) {
      const link = event.target.closest("a[data-view]");
      const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
      if (!plain || event.defaultPrevented || link?.origin !== location.origin || link.pathname !== location.pathname) {
        return;
      }
      event.preventDefault();
      this.cancel();
      const { stay } = this;
      history.pushState(null, "", link.search);
      this.follow();
      this.arrived(this.stay !== null && this.stay !== stay);
    }

    restored() {
      this.cancel();
      this.follow();
      this.arrived();
    }

    /** The address is another: so are the regions, and perhaps the data. */
    arrived(toStay = false) {
      this.saysStay = false;
      this.refresh(toStay);
      // An address such as that of the last hour gets its times from the server.
      if (isSpan(location.search)) this.draw();
    }

    draw() {
      if (!this.covers()) {
        this.load();
        return;
      }
      // What is still on its way is of a span that was left again.
      this.requests.data?.abort();
      this.complain("data", null);
      this.announce();
    }

    /** Whether all that the address asks to be drawn is here. Of what came after the answer nothing is. */
    covers() {
      const { loaded } = this;
      const { view } = this.chart;
      const isSame = loaded && loaded.whose === whose(location.search);
      return isSame && loaded.complete && view.from >= loaded.from && view.until <= Math.min(loaded.until, loaded.now);
    }

    /** Exchanges what the server says of the address; `toStay` if one asked to see a stay. */
    async refresh(toStay = false) {
      const search = location.search;
      // What is not about the moment is costly, and stands on the page already.
      const headers = momentless(search) === momentless(this.told) ? { "X-Timeline-Regions": "moment" } : {};
      const response = await this.ask("regions", `${location.pathname}${search}`, "text/html", headers);
      if (!response) return;
      const fresh = new DOMParser().parseFromString(response.text, "text/html");
      if (!fresh.querySelector("#presence-timeline")) {
        this.logIn();
        return;
      }
      const canonical = new URL(response.url);
      this.told = canonical.search;
      exchange(this.page, fresh, new URLSearchParams(this.told).get("moment"));
      if (toStay) this.showStay();
      if (canonical.pathname === location.pathname && canonical.search !== search) {
        history.replaceState(null, "", canonical.search);
        this.follow();
        this.draw();
      }
    }

    /** Brings the stay that was chosen into sight, and says that it is there. */
    showStay() {
      this.page.querySelector("[data-region=stay]").scrollIntoView({ block: "nearest" });
      this.saysStay = true;
      if (this.loaded) this.announce();
    }

    async load() {
      const search = location.search;
      const asked = new URLSearchParams();
      for (const [name, value] of new URLSearchParams(search)) {
        if (["room", "user", "from", "until"].includes(name)) asked.set(name, value);
      }
      const response = await this.ask("data", `${this.page.dataset.source}?${asked}`, "application/json");
      if (!response) return;
      const data = JSON.parse(response.text);
      performance.clearMarks("presence-timeline");
      performance.clearMeasures("presence-timeline");
      performance.mark("presence-timeline");
      this.loaded = { ...data, whose: whose(search) };
      if (!this.chart.view) this.chart.setView({ from: data.from, until: data.until });
      this.chart.show(data);
      this.chart.draw();
      performance.measure("presence-timeline", "presence-timeline");
      this.announce();
    }

    /** The answer, or nothing if another question came meanwhile or it failed, which is then said. */
    async ask(what, url, type, headers = {}) {
      this.requests[what]?.abort();
      const request = new AbortController();
      this.requests[what] = request;
      this.chart.root.setAttribute("aria-busy", "true");
      try {
        const response = await fetch(url, { signal: request.signal, headers: { Accept: type, ...headers } });
        const text = await response.text();
        const isWanted = (response.headers.get("Content-Type") ?? "").startsWith(type);
        if (what === "data" && this.loaded && (response.status === 403 || (response.ok && !isWanted))) {
          this.logIn();
          return null;
        }
        if (!response.ok || !isWanted) throw new Error(what === "data" && isWanted ? JSON.parse(text).error : "");
        this.complain(what, null);
        return { text, url: response.url };
      } catch (error) {
        if (error.name !== "AbortError") this.complain(what, error instanceof TypeError ? "" : error.message);
        return null;
      } finally {
        if (this.requests[what] === request) delete this.requests[what];
        this.chart.root.setAttribute("aria-busy", String(Object.keys(this.requests).length > 0));
      }
    }

    /** Whoever was logged out meanwhile is asked to log in, and comes back to the same address. */
    logIn() {
      Object.values(this.requests).forEach((request) => request.abort());
      location.reload();
    }

    /** Says that something failed; with null, that it no longer does. */
    complain(what, error) {
      this.problems = { ...this.problems, [what]: error };
      const said = Object.values(this.problems).filter((problem) => problem !== null);
      const { problem } = this.parts;
      problem.hidden = !said.length;
      const failed = this.words.say(this.loaded ? "problem" : "problem-first");
      problem.textContent = said.length ? [failed, ...new Set(said)].join(" ").trim() : "";
      if (said.length) this.chart.root.hidden = false;
    }

    announce() {
      const { from, until } = this.chart.view;
      const seen = this.chart.seen();
      const shown = this.words.say(seen === null ? "shown" : "shown-stays", {
        start: this.clock.moment(from),
        end: this.clock.end(from, until),
        stays: seen === null ? "" : this.clock.number(seen),
      });
      this.parts.status.textContent = this.saysStay ? `${shown} ${this.words.say("stay-below")}` : shown;
    }
  }

  const whose = (search) => {
    const address = new URLSearchParams(search);
    return JSON.stringify([address.get("room"), address.get("user")]);
  };

  function momentless(search) {
    const address = new URLSearchParams(search);
    address.delete("moment");
    address.sort();
    return String(address);
  }

  function isSpan(search) {
    const address = new URLSearchParams(search);
    return ["from", "until"].every((name) => times.parse(address.get(name)) !== null);
  }

  const page = document.querySelector("#presence-timeline");
  if (page?.dataset.source) window.presenceTimeline.page = new Page(page);
})();
