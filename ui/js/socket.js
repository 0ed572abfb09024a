// The connection to the endpoint: requests and answers, the endpoint's own requests, and
// reconnecting.

/** Milliseconds between attempts to connect. */
const WAIT = 2000;
/** An endpoint that does not answer for this many milliseconds counts as gone. */
const TIMEOUT = 30_000;

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

  /** Sends a request; rejects if the endpoint refuses it or is gone (then the error has `isGone`). */
  ask(action, args = {}) {
    return new Promise((resolve, reject) => {
      const { socket } = this;
      if (socket.readyState !== WebSocket.OPEN) throw gone();
      const requestId = (this.last += 1);
      socket.send(JSON.stringify({ requestId, type: 'request', data: { action, version: '4', ...args } }));
      this.waiting.set(requestId, { resolve, reject, late: setTimeout(() => socket.close(), TIMEOUT) });
    });
  }

  connect() {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = this.onOpen;
    socket.onmessage = event => this.receive(socket, JSON.parse(event.data));
    socket.onclose = () => {
      for (const requestId of this.waiting.keys()) this.settle(requestId).reject(gone());
      setTimeout(() => this.connect(), WAIT);
      this.onGone();
    };
  }

  /** Removes and returns the pending request with this id. */
  settle(requestId) {
    const pending = this.waiting.get(requestId);
    this.waiting.delete(requestId);
    clearTimeout(pending?.late);
    return pending;
  }

async receive(socket, { type, requestId, data }) {
    if (type === 'request') {
      const answer = await this.onAction(data ?? {});
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ requestId, type: 'response', data: answer }));
      return;
    }
    const pending = this.settle(requestId);
    if (data?.success === false) pending?.reject(new Error(data.errorMessage || 'The endpoint refused.'));
    else pending?.resolve(data);
  }
}
