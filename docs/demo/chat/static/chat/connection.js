// The connection of this tab to its room: pings, reconnecting, and a simulated broken cable.

const PING = '{"type":"presence.ping"}';
const NOT_LOGGED_IN = 4401;
const PRUNED = 4408;
const REMOVED = 4403;
const RETRY_DELAY = 1500; // milliseconds

// A silent tab is pruned within twice the maximal age, plus the sixth in which the server prunes once.
const MAX_AGES = 2 + 1 / 6;

export class Connection extends EventTarget {
  // Dispatches "message" with a text of the server, and "state" with one of: connecting, open, live, lost,
  // unplugged, pruned, removed.

  constructor(path, maxAge) {
    super();
    this.url = new URL(path, location.href);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.maxAge = maxAge;
    this.plugged = true;
    this.unread = [];
    this.open();
  }

  open() {
    this.enter("connecting");
    this.socket = new WebSocket(this.url);
    this.socket.onopen = () => {
      this.answered = Date.now();
      this.enter("open");
    };
    this.socket.onmessage = ({ data }) => (this.plugged ? this.read(data) : this.unread.push(data));
    this.socket.onclose = ({ code }) => this.closed(code);
  }

  joined() {
    if (this.state === "open") this.enter("live");
  }

  send(text) {
    this.socket.send(text);
  }

  // A page cannot cut its cable. It stops sending and reading, which looks the same to the server.
  unplug() {
    this.plugged = false;
    this.enter("unplugged");
  }

  plug() {
    this.plugged = true;
    if (this.socket.readyState === WebSocket.CLOSED) {
      this.open();
      return;
    }
    this.unread.splice(0).forEach((text) => this.read(text));
    this.enter("open");
  }

  // The time by which the server prunes this tab if it stays silent, in milliseconds since 1970.
  get deadline() {
    return this.answered + MAX_AGES * this.maxAge * 1000;
  }

  read(text) {
    if (text === PING) {
      this.send(PING);
      this.answered = Date.now();
    } else this.dispatchEvent(new CustomEvent("message", { detail: text }));
  }

  closed(code) {
    this.unread = [];
    if (code === NOT_LOGGED_IN) location.reload();
    else if (code === REMOVED) this.enter("removed");
    else if (this.plugged) {
      this.enter("lost");
      setTimeout(() => this.open(), RETRY_DELAY);
    } else if (code === PRUNED) this.enter("pruned");
  }

  enter(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
