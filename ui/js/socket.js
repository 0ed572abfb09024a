// The connection to the endpoint: requests and their answers, the endpoint's own requests, and
// connecting again when it is gone.

/** Milliseconds between tries to connect. */
const WAIT = 2000;
/** An endpoint that owes an answer for so long is taken for gone. */
const PATIENCE = 30_000;

const gone = () => Object.assign(new Error('The endpoint is gone.'), { isGone: true });

/** Speaks EpiViz's protocol over one WebSocket at a time. */
export class Socket {
  /**
   * `onOpen()` is called after each connection, `onGone()` after each that is lost or fails;
   * `onAction(data)` answers the endpoint's requests.
   */
  constructor(url, { onOpen, onGone, onAction }) {
    Object.assign(this, { url, onOpen, onGone, onAction, waiting: new Map(), last: 0 });
    this.connect();
  }

  /** Asks the endpoint; rejects if it refuses, or is gone (the error then has `isGone`). */
  ask(action, args = {}) {
    return new Promise((resolve, reject) => {
      const { socket } = this;
      if (socket.readyState !== WebSocket.OPEN) throw gone();
      const requestId = (this.last += 1);
      socket.send(JSON.stringify({ requestId, type: 'request', data: { action, version: '4', ...args } }));
      this.waiting.set(requestId, { resolve, reject, late: setTimeout(() => socket.close(), PATIENCE) });
    });
  }

  connect() {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = this.onOpen;
    socket.onmessage = event => this.take(socket, JSON.parse(event.data));
    socket.onclose = () => {
      for (const requestId of this.waiting.keys()) this.settle(requestId).reject(gone());
      setTimeout(() => this.connect(), WAIT);
      this.onGone();
    };
  }

  /** Who waits for that answer, and no longer does. */
  settle(requestId) {
    const asker = this.waiting.get(requestId);
    this.waiting.delete(requestId);
    clearTimeout(asker?.late);
    return asker;
  }

  async take(socket, { type, requestId, data }) {
    if (type === 'request') {
      const answer = await this.onAction(data ?? {});
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ requestId, type: 'response', data: answer }));
      return;
    }
    const asker = this.settle(requestId);
    if (data?.success === false) asker?.reject(new Error(data.errorMessage || 'The endpoint refused.'));
    else asker?.resolve(data);
  }
}
