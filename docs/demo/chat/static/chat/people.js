// The list of the people in the room.

import { avatar, element, nameOf } from "./elements.js";

const list = document.querySelector("#people");
const count = document.querySelector("#count");
let shown = [];

export function showPeople(roster, me) {
  count.textContent = roster.people;
  shown = roster.list().map(({ info: { name }, connections }) => {
    const duration = element("span", "duration");
    const about = element("span", "about", nameOf(name), duration);
    const item = element("li", "person", avatar(name), about);
    item.dataset.connections = connections.length;
    if (name === me) about.firstChild.after(element("span", "you", "you"));
    if (connections.length > 1) item.append(element("span", "badge", `${connections.length} tabs`));
    return { item, duration, since: Date.parse(connections[0].since) };
  });
  list.replaceChildren(...shown.map(({ item }) => item));
  tick();
}

function tick() {
  for (const { duration, since } of shown) duration.textContent = inWords(Date.now() - since);
}

function inWords(milliseconds) {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return "just arrived";
  if (minutes < 60) return `here for ${minutes} min`;
  return `here for ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

setInterval(tick, 5000);
