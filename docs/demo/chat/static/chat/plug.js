// The button that simulates a broken cable, and the panel that explains the state of this tab.

const pull = document.querySelector("#plug");
const panel = document.querySelector("#unplugged");
const explanation = document.querySelector("#explanation");
const countdown = document.querySelector("#countdown");
const back = document.querySelector("#back");

const EXPLANATIONS = {
  unplugged:
    "Unplugged. This tab answers no pings and reads nothing. The others still see it until it is pruned.",
  pruned:
    "Cut off. The server received nothing for too long, removed this tab from the room and closed the socket (code 4408).",
  removed: "An operator made this tab leave in the admin. The log names the operator.",
};

export function wirePlug(connection) {
  pull.onclick = () => connection.unplug();
  back.onclick = () => connection.plug();
  connection.addEventListener("state", () => show(connection.state));
  setInterval(() => count(connection), 250);
  show(connection.state);
}

function show(state) {
  pull.disabled = state !== "live";
  panel.hidden = !(state in EXPLANATIONS);
  explanation.textContent = EXPLANATIONS[state] ?? "";
  back.textContent = state === "unplugged" ? "Plug it in again" : "Come back";
}

function count({ state, deadline }) {
  const seconds = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
  countdown.textContent = state === "unplugged" ? (seconds ? `within ${seconds} s` : "any moment") : "";
}
