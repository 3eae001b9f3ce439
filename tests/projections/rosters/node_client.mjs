// Runs roster.js outside of a browser: reads lists of commands from stdin, one JSON array a line, and answers each with
// the list of their answers. An answer has what the roster sent and reported, and what it is. Timers run on a clock that
// only the command `advance` moves, sockets and the page are objects of this file, and errors are collected.
//
//   node node_client.mjs path/to/roster.js

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

let now = 0;
let timers = new Map();
let nextTimer = 1;
let random = 1;
let listeners = 0;
let page, sockets, rosters, roster, output, removers;

globalThis.setTimeout = (callback, delay = 0) => {
  timers.set(nextTimer, { callback, at: now + delay });
  return nextTimer++;
};
globalThis.clearTimeout = (timer) => timers.delete(timer);
globalThis.performance = { now: () => now };
Math.random = () => random;
globalThis.reportError = (error) => output.errors.push(error.message);

// Counts its listeners. One that was not removed is noticed.
class Target extends EventTarget {
  addEventListener(type, listener, options) {
    listeners += 1;
    options?.signal?.addEventListener("abort", () => (listeners -= 1));
    super.addEventListener(type, listener, options);
  }
}

class FakeSocket extends Target {
  readyState = 0;

  constructor(url) {
    super();
    this.url = String(url);
    sockets.push(this);
    output.opened.push(this.url);
  }

  send(text) {
    if (this.readyState === 0) throw new Error("The socket is not open yet.");
    if (this.readyState === 1) output.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 2;
    output.closed += 1;
  }

  happen(type, properties) {
    const event = Object.assign(new Event(type), properties);
    this[`on${type}`]?.(event);
    this.dispatchEvent(event);
  }
}

globalThis.WebSocket = FakeSocket;
globalThis.location = { href: "https://example.com/rooms/" };

const commands = {
  // Options: `with` says what the roster uses, one of url, socket and send.
  new({ room, with: using = "send", state = "visible", options = {}, socketState = 0, report = false }) {
    [now, timers, random, listeners, sockets, rosters, removers] = [0, new Map(), 1, 0, [], [], {}];
    page = new Target();
    page.visibilityState = state;
    globalThis.document = page;
    const inputs = new Target();
    globalThis.addEventListener = inputs.addEventListener.bind(inputs);
    globalThis.dispatch = (type) => inputs.dispatchEvent(new Event(type));
    if (report) options.activity = (activity) => output.activities.push(activity);
    if (using === "url") options.url ??= "/ws/";
    if (using === "socket") {
      options.socket = new FakeSocket("theirs");
      options.socket.readyState = socketState;
    }
    if (using === "send") options.send = (text) => output.sent.push(JSON.parse(text));
    roster = new Roster(room, options);
    for (const type of ["join", "leave", "update", "sync", "state"])
      roster.addEventListener(type, ({ detail }) => output.events.push([type, detail]));
  },
  receive: ({ message }) => ({ handled: roster.receive(message) }),
  opened: () => roster.opened(),
  lost: () => roster.lost(),
  close: () => roster.close(),
  socket({ event, index = -1, ...properties }) {
    const socket = sockets.at(index);
    if (event === "open") socket.readyState = 1;
    if (event === "close") socket.readyState = 3;
    socket.happen(event, properties);
  },
  page({ state }) {
    page.visibilityState = state;
    page.dispatchEvent(new Event("visibilitychange"));
  },
  input: ({ event }) => globalThis.dispatch(event),
  random: ({ value }) => void (random = value),
  advance({ ms }) {
    const end = now + ms;
    for (;;) {
      const due = [...timers].filter(([, { at }]) => at <= end).sort((one, other) => one[1].at - other[1].at)[0];
      if (!due) break;
      timers.delete(due[0]);
      now = due[1].at;
      due[1].callback();
    }
    now = end;
  },
  callback({ on, fails = false, closes = false }) {
    removers[on] = roster[on]((member, before) => {
      output.called.push([on, member?.id ?? null, before ?? null]);
      if (closes) roster.close();
      if (fails) throw new Error("faulty");
    });
  },
  remove: ({ on }) => removers[on](),
  sorted: () => ({ sorted: roster.list((one, other) => (one.id < other.id ? -1 : 1)) }),
  missing: ({ expected }) => ({ missing: roster.missing(expected) }),
  get: ({ id }) => ({ member: roster.get(id) ?? null }),
};

function answer(command) {
  output = { sent: [], events: [], called: [], activities: [], errors: [], opened: [], closed: 0 };
  const extra = commands[command.do](command) ?? {};
  return {
    ...output,
    ...extra,
    state: roster.state,
    reason: roster.reason,
    activity: roster.activity,
    mark: roster.mark,
    people: roster.people,
    anonymous: roster.anonymous,
    listed_all: roster.listedAll,
    members: roster.list(),
    timers: [...timers.values()].map(({ at }) => at - now).sort((one, other) => one - other),
    listeners,
  };
}

// Older versions of Node take a file that is called .js for one of CommonJS.
const source = readFileSync(process.argv[2]).toString("base64");
const { Roster } = await import(`data:text/javascript;base64,${source}`);
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(JSON.parse(line).map(answer))}\n`);
