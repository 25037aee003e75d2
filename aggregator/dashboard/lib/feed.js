// A WebSocket that comes back by itself.

const FIRST_MS = 400, LONGEST_MS = 8000;

/** Connects and reconnects until closed. `address` may be a function, asked at every attempt. */
export class Feed {
  constructor(address, { message, state = () => {}, binary = false }) {
    this.address = address;
    this.message = message;
    this.state = state;
    this.binary = binary;
    this.delay = FIRST_MS;
    this.closed = false;
    this.retry = () => { if (!this.closed && !this.socket) { clearTimeout(this.timer); this.open(); } };
    addEventListener("online", this.retry);
    document.addEventListener("visibilitychange", this.retry);
    this.open();
  }

  open() {
    const path = typeof this.address === "function" ? this.address() : this.address;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
    this.socket = socket;
    if (this.binary) socket.binaryType = "arraybuffer";
    socket.onopen = () => { this.delay = FIRST_MS; this.state(true); };
    socket.onmessage = (event) => this.message(event.data);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (this.closed) return;
      this.state(false);
      // Not all pages of a site at the same moment.
      this.timer = setTimeout(() => this.open(), this.delay * (0.7 + 0.6 * Math.random()));
      this.delay = Math.min(this.delay * 2, LONGEST_MS);
    };
  }

  /** Open it anew, because the address has changed. */
  again() {
    const old = this.socket;
    this.socket = null;
    clearTimeout(this.timer);
    old?.close();
    if (!this.closed) this.open();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    removeEventListener("online", this.retry);
    document.removeEventListener("visibilitychange", this.retry);
    this.socket?.close();
    this.socket = null;
  }
}
