// Counts connections and people over time, as step functions.

import { firstIndex } from "./bisection.js";

const JOINED = 3;
const LEFT = 4;
const PERSON_KINDS = new Set(["user", "deleted"]);

/**
 * The numbers of connections and people from each of `times` until the next one. A user with several connections is one
 * person. An anonymous connection counts as a connection only.
 */
export function count(data) {
  return data.complete ? fromStays(data) : fromSamples(data.counts);
}

function fromSamples(samples) {
  return {
    times: samples.map(([time]) => time),
    connections: samples.map(([, connections]) => connections),
    people: samples.map(([, , people]) => people),
  };
}

function fromStays({ stays, lanes }) {
  const changes = [];
  for (const stay of stays) {
    changes.push([stay[JOINED], 1, stay[1]]);
    if (stay[LEFT] !== null) changes.push([stay[LEFT], -1, stay[1]]);
  }
  changes.sort(([one], [other]) => one - other);
  const present = new Int32Array(lanes.length);
  const counted = { times: [], connections: [], people: [] };
  let connections = 0;
  let people = 0;
  changes.forEach(([time, change, lane], index) => {
    connections += change;
    if (PERSON_KINDS.has(lanes[lane].kind)) {
      const before = present[lane];
      present[lane] += change;
      people += Math.sign(present[lane]) - Math.sign(before);
    }
    if (changes[index + 1]?.[0] === time) return;
    counted.times.push(time);
    counted.connections.push(connections);
    counted.people.push(people);
  });
  return counted;
}

/** The index of the last of `times` that is not after `time`, or -1. */
function lastBefore(times, time) {
  return firstIndex(times, (each) => each > time) - 1;
}

/** The numbers at `time`. */
export function at(counted, time) {
  const index = lastBefore(counted.times, time);
  return { connections: counted.connections[index] ?? 0, people: counted.people[index] ?? 0 };
}

/** The largest number in the span. */
export function peak(counted, key, from, until) {
  let most = at(counted, from)[key];
  for (let index = lastBefore(counted.times, from) + 1; counted.times[index] < until; index += 1) {
    most = Math.max(most, counted[key][index]);
  }
  return most;
}

/**
 * The step function as corners `[x, number]` of a line over `width` pixels. Within one pixel, however many changes it
 * has, the line passes through the smallest and the largest number and ends at the last one.
 */
export function corners(counted, key, { from, until }, start, stop, width) {
  const x = (time) => ((time - from) / (until - from)) * width;
  const first = Math.max(start, from);
  const last = Math.min(stop, until);
  if (last <= first) return [];
  let number = at(counted, first)[key];
  const line = [[x(first), number]];
  let index = lastBefore(counted.times, first) + 1;
  while (counted.times[index] < last) {
    const column = x(counted.times[index]);
    let least = number;
    let most = number;
    line.push([column, number]);
    for (; counted.times[index] < last && x(counted.times[index]) < column + 1; index += 1) {
      number = counted[key][index];
      least = Math.min(least, number);
      most = Math.max(most, number);
    }
    for (const level of [least, most, number]) if (line.at(-1)[1] !== level) line.push([column, level]);
  }
  line.push([x(last), number]);
  return line;
}
