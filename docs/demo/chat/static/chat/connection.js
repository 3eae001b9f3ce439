// The connection of this tab to its room: heartbeats, coming back when it is lost, and pulling the plug.

const NOBODY = 4401;
const ENDED = 4408;
const MADE_TO_LEAVE = 4403;
const RETRY = 1500;

export class Connection extends EventTarget {
  // Dispatches "message" with what the server said, and "state" with one of: connecting, open, lost, unplugged, pruned,
  // removed.

  constructor(path, maxAge) {
    super();
    this.url = new URL(path, location.href);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.maxAge = maxAge;
    this.plugged = true;
    this.unread = [];
    const heart = new Worker(new URL("heartbeat.js", import.meta.url));
    heart.onmessage = () => this.beat();
    heart.postMessage(maxAge / 3);
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

  beat() {
    if (this.plugged && this.socket.readyState === WebSocket.OPEN) this.send("heartbeat");
  }

  // A page cannot cut its own cable, but it can fall silent and stop reading, which is all the server would notice.
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
    this.beat();
    this.enter("open");
    this.unread.splice(0).forEach((message) => this.read(message));
  }

  // When the server prunes this tab, if it stays silent: milliseconds since 1970.
  get deadline() {
    return this.seen + this.maxAge * 1000;
  }

  read(message) {
    if (this.plugged) this.dispatchEvent(new CustomEvent("message", { detail: message }));
    else this.unread.push(message);
  }

  closed(code) {
    this.unread = [];
    if (code === NOBODY) location.reload();
    else if (code === MADE_TO_LEAVE) this.enter("removed");
    else if (this.plugged) {
      this.enter("lost");
      setTimeout(() => this.open(), RETRY);
    } else if (code === ENDED) this.enter("pruned");
  }

  enter(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
