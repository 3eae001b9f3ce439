// Reads the query of the page's address.

import { parse } from "./times.js";

/** The span, the moment and the stay that the query names. What it does not name is null. */
export function read(search) {
  const parameters = new URLSearchParams(search);
  const [from, until] = [parse(parameters.get("from")), parse(parameters.get("until"))];
  const isSpan = from !== null && until !== null && from < until;
  return {
    view: isSpan ? { from, until } : null,
    moment: parse(parameters.get("moment")),
    stay: parameters.get("stay") ? Number(parameters.get("stay")) : null,
  };
}

/** Whether the query states both ends of the span. A preset gets its ends from the server. */
export function hasSpan(search) {
  const parameters = new URLSearchParams(search);
  return ["from", "until"].every((name) => parse(parameters.get(name)) !== null);
}

/** A key for the room and the user that the query names. */
export function subject(search) {
  const parameters = new URLSearchParams(search);
  return JSON.stringify([parameters.get("room"), parameters.get("user")]);
}

/** The query without its moment, in an order that allows a comparison. */
export function withoutMoment(search) {
  const parameters = new URLSearchParams(search);
  parameters.delete("moment");
  parameters.sort();
  return String(parameters);
}

/** The query for the data of the chart: without what only the page around it needs. */
export function dataQuery(search) {
  const asked = [...new URLSearchParams(search)].filter(([name]) => ["room", "user", "from", "until"].includes(name));
  return String(new URLSearchParams(asked));
}

/** The query with `changes`; null removes a parameter. */
export function changed(search, changes) {
  const parameters = new URLSearchParams(search);
  if (changes.from) parameters.delete("last");
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(name);
    else parameters.set(name, value);
  }
  return `?${parameters}`;
}
