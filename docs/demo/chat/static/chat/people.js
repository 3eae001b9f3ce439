// The list of the people in the room.

import { avatar, element, nameOf } from "./elements.js";

const list = document.querySelector("#people");
const count = document.querySelector("#count");
let shown = [];
let ahead = 0;

export function showPeople(people, now, me) {
  ahead = Date.now() - Date.parse(now);
  count.textContent = people.length;
  shown = people.map((person) => {
    const duration = element("span", "duration");
    const about = element("span", "about", nameOf(person.name), duration);
    const item = element("li", "person", avatar(person.name), about);
    item.dataset.connections = person.connections;
    if (person.name === me) about.firstChild.after(element("span", "you", "you"));
    if (person.connections > 1) item.append(element("span", "badge", `${person.connections} tabs`));
    return { item, duration, since: Date.parse(person.since) };
  });
  list.replaceChildren(...shown.map(({ item }) => item));
  tick();
}

function tick() {
  for (const { duration, since } of shown) duration.textContent = inWords(Date.now() - ahead - since);
}

function inWords(milliseconds) {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return "just arrived";
  if (minutes < 60) return `here for ${minutes} min`;
  return `here for ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

setInterval(tick, 5000);
