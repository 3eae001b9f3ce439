// The connection of this tab to its room: heartbeats, reconnecting, and a simulated broken cable.

const NOT_LOGGED_IN = 4401;
const ENDED = 4408;
const REMOVED = 4403;
const RETRY_DELAY = 1500; // milliseconds

export class Connection extends EventTarget {
  // Dispatches "message" with a message of the server, and "state" with one of: connecting, open, lost, unplugged,
  // pruned, removed.

  constructor(path, maxAge) {
    super();
    this.url = new URL(path, location.href);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.maxAge = maxAge;
    this.plugged = true;
    this.unread = [];
    const timer = new Worker(new URL("heartbeat.js", import.meta.url));
    timer.onmessage = () => this.sendHeartbeat();
    timer.postMessage(maxAge / 3);
    this.open();
  }

  open() {
    this.enter("connecting");
    this.socket = new WebSocket(this.url);
    this.socket.onopen = () => {
      this.seen = Date.now();
      this.enter("open");
    };
    this.socket.onmessage = ({ data }) => this.read(JSON.parse(data));
    this.socket.onclose = ({ code }) => this.closed(code);
  }

  send(content) {
    this.socket.send(JSON.stringify(content));
    this.seen = Date.now();
  }

  sendHeartbeat() {
    if (this.plugged && this.socket.readyState === WebSocket.OPEN) this.send("heartbeat");
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
    this.sendHeartbeat();
    this.enter("open");
    this.unread.splice(0).forEach((message) => this.read(message));
  }

  // The time when the server prunes this tab if it stays silent, in milliseconds since 1970.
  get deadline() {
    return this.seen + this.maxAge * 1000;
  }

  read(message) {
    if (this.plugged) this.dispatchEvent(new CustomEvent("message", { detail: message }));
    else this.unread.push(message);
  }

  closed(code) {
    this.unread = [];
    if (code === NOT_LOGGED_IN) location.reload();
    else if (code === REMOVED) this.enter("removed");
    else if (this.plugged) {
      this.enter("lost");
      setTimeout(() => this.open(), RETRY_DELAY);
    } else if (code === ENDED) this.enter("pruned");
  }

  enter(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
