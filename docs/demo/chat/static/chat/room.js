// A room: the connection, the people, the messages, and the input field.

import { Connection } from "./connection.js";
import { showPeople } from "./people.js";
import { wirePlug } from "./plug.js";
import { showChange, showMessage } from "./stream.js";

const { room, me, maxAge } = document.body.dataset;
const STATES = {
  connecting: "Connecting …",
  open: "Live",
  lost: "Connection lost, reconnecting …",
  unplugged: "Unplugged",
  pruned: "Cut off",
  removed: "Removed",
};

const connection = new Connection(`/ws/rooms/${room}/`, Number(maxAge));
connection.addEventListener("message", ({ detail: { type, ...detail } }) => {
  if (type === "message") showMessage(detail, me);
  if (type === "presence") {
    showPeople(detail.people, detail.now, me);
    for (const change of detail.changes) showChange(change, detail.people, maxAge);
  }
});

const state = document.querySelector("#state");
const composer = document.querySelector("#composer");
const { text } = composer.elements;

function showState() {
  document.body.dataset.state = connection.state;
  state.textContent = STATES[connection.state];
  composer.querySelector("button").disabled = connection.state !== "open";
}

connection.addEventListener("state", showState);
showState();
wirePlug(connection);

composer.onsubmit = (event) => {
  event.preventDefault();
  if (connection.state !== "open" || !text.value.trim()) return;
  connection.send({ text: text.value });
  text.value = "";
  text.focus();
};
