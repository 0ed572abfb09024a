// The connection to the endpoint: requests and their answers, the endpoint's own requests, and
// connecting again when it is gone.

const WAITS = [500, 1000, 2000, 4000, 8000, 15000];
/** An endpoint that owes an answer for so long is taken for gone. */
const PATIENCE = 30_000;

/** Speaks EpiViz's protocol over one WebSocket at a time. */
export class Socket {
  /**
   * `onOpen()` after each connection, `onGone(milliseconds)` when it is lost, with the time until
   * the next try; `onAction(data)` gives the answer to a request of the endpoint.
   */
  constructor(url, { onOpen, onGone, onAction }) {
    Object.assign(this, { url, onOpen, onGone, onAction, waiting: new Map(), last: 0, tries: 0 });
    this.connect();
    addEventListener('online', () => this.retry());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.retry(); });
  }

  get open() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  /** Asks the endpoint; rejects if it refuses or is gone. */
  ask(action, args = {}) {
    if (!this.open) return Promise.reject(new Error('The endpoint is gone.'));
    const requestId = (this.last += 1);
    const { socket } = this;
    socket.send(JSON.stringify({ requestId, type: 'request', data: { action, version: '4', ...args } }));
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => socket.close(), PATIENCE);
      this.waiting.set(requestId, { resolve, reject, late });
    });
  }

  /** Tries again at once if not connected. */
  retry() {
    if (this.socket.readyState !== WebSocket.CLOSED) return;
    clearTimeout(this.timer);
    this.connect();
  }

  connect() {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => { this.tries = 0; this.onOpen(); };
    socket.onmessage = event => this.take(socket, event.data);
    socket.onclose = () => {
      for (const { reject, late } of this.waiting.values()) {
        clearTimeout(late);
        reject(new Error('The endpoint is gone.'));
      }
      this.waiting.clear();
      const wait = WAITS[Math.min(this.tries, WAITS.length - 1)];
      this.tries += 1;
      this.timer = setTimeout(() => this.connect(), wait);
      this.onGone(wait);
    };
  }

  async take(socket, text) {
    const message = JSON.parse(text);
    if (message.type === 'request') {
      const data = await this.onAction(message.data ?? {});
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ requestId: message.requestId, type: 'response', data }));
      return;
    }
    const waiting = this.waiting.get(message.requestId);
    if (!waiting) return;
    this.waiting.delete(message.requestId);
    clearTimeout(waiting.late);
    const { data } = message;
    if (data?.success === false) waiting.reject(new Error(data.errorMessage || 'The endpoint refused.'));
    else waiting.resolve(data);
  }
}
