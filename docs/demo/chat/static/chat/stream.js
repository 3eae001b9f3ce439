// The messages, and the notices about people who join and leave.

import { avatar, element, nameOf } from "./elements.js";

const MAX_ITEMS = 300;
const stream = document.querySelector("#stream");

export function showMessage({ name, text }, me) {
  const time = element("time", "", new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  const bubble = element("div", "bubble", element("p", "head", nameOf(name), time), element("p", "text", text));
  const item = element("li", "message", avatar(name), bubble);
  item.classList.toggle("mine", name === me);
  item.classList.toggle("again", stream.lastElementChild?.dataset.author === name);
  item.dataset.author = name;
  append(item);
}

export function showNotice({ info: { name } }, words) {
  append(element("li", "notice", nameOf(name), ` ${words}`));
}

function append(item) {
  const atEnd = stream.scrollHeight - stream.scrollTop - stream.clientHeight < 80;
  stream.append(item);
  if (stream.childElementCount > MAX_ITEMS) stream.firstElementChild.remove();
  if (atEnd) stream.scrollTop = stream.scrollHeight;
}
