// A room: the connection, the people, the messages, and the input field.

import { Roster } from "../projections/roster.js";
import { Connection } from "./connection.js";
import { showPeople } from "./people.js";
import { wirePlug } from "./plug.js";
import { showMessage, showNotice } from "./stream.js";

const { room, me, maxAge } = document.body.dataset;
const STATES = {
  connecting: "Connecting …",
  open: "Joining …",
  live: "Live",
  lost: "Connection lost, reconnecting …",
  unplugged: "Unplugged",
  pruned: "Cut off",
  removed: "Removed",
};

const connection = new Connection(`/ws/rooms/${room}/`, Number(maxAge));
const roster = new Roster(room, { send: (text) => connection.send(text) });
connection.addEventListener("message", ({ detail: text }) => {
  if (!roster.receive(text)) showMessage(JSON.parse(text), me);
});

// Those who are in the room already do not arrive.
let isKnown = false;
roster.onJoin((member) => isKnown && showNotice(member, "joined"));
roster.onLeave((member) => showNotice(member, "is gone"));
roster.onUpdate((member, before) => {
  const more = member.connections.length - before.connections.length;
  if (more) showNotice(member, more > 0 ? "opened another tab" : "closed or lost a tab");
});
roster.onSync(() => {
  isKnown = roster.mark !== null;
  // A tab that was removed shows whom it saw last.
  if (isKnown) showPeople(roster, me);
});

const state = document.querySelector("#state");
const composer = document.querySelector("#composer");
const { text } = composer.elements;

function showState() {
  document.body.dataset.state = connection.state;
  state.textContent = STATES[connection.state];
  composer.querySelector("button").disabled = connection.state !== "live";
}

connection.addEventListener("state", () => {
  showState();
  if (connection.state === "open") roster.opened();
  else if (connection.state !== "live") roster.lost();
});
// The server answers with the list of people once this tab is in the room.
roster.addEventListener("state", () => roster.state === "live" && connection.joined());
showState();
wirePlug(connection);

composer.onsubmit = (event) => {
  event.preventDefault();
  if (connection.state !== "live" || !text.value.trim()) return;
  connection.send(JSON.stringify({ text: text.value }));
  text.value = "";
  text.focus();
};
