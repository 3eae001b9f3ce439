// A replica of the roster of a room: the people, live. docs/reference/roster-protocol.md specifies the messages.
//
//   const roster = new Roster("lobby", { url: "/ws/lobby/" });
//   roster.onJoin((member) => console.log(member.id, "arrived"));
//   roster.onSync(() => show(roster.list()));
//
// roster.d.ts describes the options, the methods and the events.

const PING = '{"type":"presence.ping"}';
const EVICTED = 4408;
const FINAL_CODES = [4401, 4403, 4404, 4409];
const OPEN = 1;
const MIN_DELAY = 1_000; // milliseconds, as all times here
const MAX_DELAY = 30_000;
const INPUTS = ["keydown", "pointerdown", "pointermove", "wheel"];

export class Roster extends EventTarget {
  mark = null;
  people = 0;
  anonymous = 0;
  state = "connecting";
  reason = null;
  activity = "active";

  #members = new Map();
  #isCounted = false;
  #isAsking = false;
  #isOpen = false;
  #attempts = 0;
  #lastInput = 0;
  #socket = null;
  #timers = {};
  #listeners = new AbortController();
  #options;

  constructor(room, options) {
    super();
    this.room = room;
    this.#options = { pause: 10_000, activity: false, idleAfter: 60_000, finalCodes: FINAL_CODES, ...options };
    const { url, socket, pause, activity } = this.#options;
    if (pause !== false || activity) this.#on(globalThis.document, "visibilitychange", () => this.#look());
    if (activity) for (const type of INPUTS) this.#on(globalThis, type, () => this.#noticeInput(), true);
    if (activity) this.#noticeInput();
    this.#look();
    if (url) {
      this.#on(globalThis, "online", () => this.#timers.retry && this.#connect());
      this.#connect();
    } else if (socket) {
      this.#options.send = (text) => socket.send(text);
      this.#on(socket, "open", () => this.opened());
      this.#on(socket, "message", ({ data }) => this.receive(data));
      this.#on(socket, "close", () => this.lost());
      if (socket.readyState === OPEN) this.opened();
    }
  }

  get listedAll() {
    return this.#isCounted ? null : this.mark !== null && this.#members.size >= this.people;
  }

  list(compare) {
    const members = [...this.#members.values()];
    return compare ? members.sort(compare) : members;
  }

  get(id) {
    return this.#members.get(id);
  }

  missing(expected) {
    return this.listedAll ? [...expected].filter((id) => !this.#members.has(String(id))) : null;
  }

  onJoin(callback) {
    return this.#call("join", callback);
  }

  onLeave(callback) {
    return this.#call("leave", callback);
  }

  onUpdate(callback) {
    return this.#call("update", callback);
  }

  onSync(callback) {
    return this.#call("sync", callback);
  }

  // What the socket does

  opened() {
    if (this.state === "closed") return;
    this.#isOpen = true;
    if (this.activity !== "active") this.#sendActivity();
    if (this.state !== "paused") this.#follow();
  }

  lost() {
    this.#isOpen = false;
    if (this.state === "live") this.#enter("connecting");
  }

  receive(message) {
    if (typeof message === "string") {
      try {
        message = JSON.parse(message);
      } catch {
        return false;
      }
    }
    if (this.state === "closed" || message?.room !== this.room) return false;
    if (message.type === "presence.snapshot") this.#replace(message);
    else if (message.type === "presence.diff") this.#apply(message);
    else if (message.type === "presence.unfollowed") this.#drop();
    else if (message.type === "presence.refused") this.#end(message.reason);
    else return false;
    return true;
  }

  close() {
    if (this.state === "closed") return;
    this.#listeners.abort();
    Object.values(this.#timers).forEach(clearTimeout);
    const isFollowing = this.#isOpen && this.state !== "paused" && this.reason === null;
    this.#isOpen = false;
    this.#enter("closed");
    if (this.#options.url) this.#socket?.close();
    else if (isFollowing) this.#send({ type: "presence.unfollow", room: this.room });
  }

  // The fold

  #replace({ members, ...message }) {
    const known = this.#members;
    this.#isCounted = !members;
    this.#members = new Map(members?.map((member) => [member.id, member]));
    const changes = [];
    for (const [id, member] of known) if (!this.#members.has(id)) changes.push(["leave", member]);
    for (const [id, member] of this.#members) changes.push(difference(known.get(id), member));
    this.#settle(message, changes);
  }

  #apply({ before, left = [], hidden = [], joined = [], updated = [], shown = [], ...message }) {
    if (this.mark === null || before !== this.mark) {
      // What is only a repetition was not missed.
      const isMissed = message.mark !== this.mark;
      if (isMissed && this.#isOpen && this.state !== "paused" && !this.#isAsking) this.#ask();
      return;
    }
    const changes = [];
    for (const id of left) {
      if (this.#members.has(id)) changes.push(["leave", this.#members.get(id)]);
      this.#members.delete(id);
    }
    for (const id of hidden) this.#members.delete(id);
    for (const [members, isShown] of [[joined], [updated], [shown, true]]) {
      for (const member of members) {
        const known = this.#members.get(member.id);
        this.#members.set(member.id, member);
        if (known || !isShown) changes.push(difference(known, member));
      }
    }
    this.#settle(message, changes);
  }

  #settle({ mark, people, anonymous }, changes) {
    Object.assign(this, { mark, people, anonymous });
    this.#isAsking = false;
    this.#attempts = 0;
    if (this.state === "connecting") this.#enter("live");
    for (const [type, member, before = null] of changes) if (type) this.#dispatch(type, { member, before });
    this.#dispatch("sync");
  }

  #drop() {
    Object.assign(this, { mark: null, people: 0, anonymous: 0 });
    this.#members = new Map();
    this.#isCounted = this.#isAsking = false;
    if (this.state === "live") this.#enter("connecting");
    this.#dispatch("sync");
  }

  // To the server

  #follow() {
    this.#enter("connecting");
    this.#ask();
  }

  #ask() {
    this.#isAsking = true;
    this.#send({ type: "presence.follow", version: 1, room: this.room, mark: this.mark });
  }

  #sendActivity() {
    if (this.#options.activity === true && this.#isOpen)
      this.#send({ type: "presence.activity", room: this.room, activity: this.activity });
  }

  #send(message) {
    this.#options.send(JSON.stringify(message));
  }

  // A socket of its own

  #connect() {
    clearTimeout(this.#timers.retry);
    this.#timers.retry = null;
    const url = new URL(this.#options.url, globalThis.location?.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#options.send = (text) => socket.send(text);
    socket.onopen = () => this.opened();
    socket.onmessage = ({ data }) => (data === PING ? socket.send(PING) : this.receive(data));
    socket.onclose = ({ code }) => this.state === "closed" || this.#reconnect(code);
  }

  #reconnect(code) {
    this.lost();
    if (this.#options.finalCodes.includes(code)) {
      this.#end(code);
      return;
    }
    // A server that evicts at every attempt is not asked in a loop.
    const isAtOnce = code === EVICTED && this.#attempts === 0;
    const delay = isAtOnce ? 0 : Math.random() * Math.min(MAX_DELAY, MIN_DELAY * 2 ** this.#attempts);
    this.#attempts += 1;
    this.#timers.retry = setTimeout(() => this.#connect(), delay);
  }

  #end(reason) {
    this.reason = reason;
    this.close();
  }

  // The page

  #look() {
    const { pause, activity } = this.#options;
    const isHidden = globalThis.document?.visibilityState === "hidden";
    clearTimeout(this.#timers.pause);
    if (activity && isHidden) this.#act("hidden");
    else if (activity) this.#noticeInput();
    if (pause === false) return;
    if (isHidden) this.#timers.pause = setTimeout(() => this.#pause(), pause);
    else if (this.state === "paused") this.#resume();
  }

  #pause() {
    this.#enter("paused");
    if (this.#isOpen) this.#send({ type: "presence.unfollow", room: this.room });
  }

  #resume() {
    if (this.#isOpen) this.#follow();
    else this.#enter("connecting");
  }

  #noticeInput() {
    this.#lastInput = performance.now();
    this.#act("active");
    this.#timers.idle ??= setTimeout(() => this.#checkInput(), this.#options.idleAfter);
  }

  // Restarting the timer at every input would be more work than looking how long ago the last one was.
  #checkInput() {
    const rest = this.#lastInput + this.#options.idleAfter - performance.now();
    this.#timers.idle = rest > 0 ? setTimeout(() => this.#checkInput(), rest) : null;
    if (rest <= 0 && this.activity === "active") this.#act("idle");
  }

  #act(activity) {
    if (activity === this.activity) return;
    this.activity = activity;
    if (this.#options.activity === true) this.#sendActivity();
    else this.#options.activity(activity);
  }

  // Events

  #on(target, type, listener, capture = false) {
    target?.addEventListener?.(type, listener, { signal: this.#listeners.signal, passive: true, capture });
  }

  #call(type, callback) {
    const listener = ({ detail }) => {
      try {
        callback(detail?.member, detail?.before);
      } catch (error) {
        reportError(error);
      }
    };
    this.addEventListener(type, listener);
    return () => this.removeEventListener(type, listener);
  }

  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.#dispatch("state", state);
  }

  #dispatch(type, detail) {
    if (this.state !== "closed" || type === "state") this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function difference(before, member) {
  if (!before) return ["join", member];
  return isSame(before, member) ? [] : ["update", member, before];
}

// Compares values of JSON.
function isSame(one, other) {
  if (one === other) return true;
  if (!isObject(one) || !isObject(other) || Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]))
  );
}

function isObject(value) {
  return value !== null && typeof value === "object";
}
