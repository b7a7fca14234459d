// SPDX-License-Identifier: GPL-3.0-or-later
// The WebSocket: messages in, commands out, and back again after the receiver's restart.

const AGAIN_MS = [500, 1000, 2000, 4000];

// The token is in the address's fragment, which browsers send to nobody.
const token = new URLSearchParams(location.hash.slice(1)).get("token");

export function withToken() {
  return token ? { headers: { Authorization: `Bearer ${token}` } } : {};
}

export class Link {
  // handlers: of messages by type, and "state" for "here" or "away".
  constructor(handlers) {
    this.handlers = handlers;
    this.tries = 0;
    this.open();
  }

  open() {
    const protocols = token ? ["percast", `token.${token}`] : ["percast"];
    this.socket = new WebSocket(`ws://${location.host}/ws`, protocols);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.tries = 0;
      this.handlers.state("here");
    };
    this.socket.onmessage = (event) => this.take(event.data);
    this.socket.onclose = () => {
      this.handlers.state("away");
      setTimeout(() => this.open(), AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)]);
    };
  }

  take(data) {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      this.handlers[message.type]?.(message);
      return;
    }
    const length = new DataView(data).getUint32(0);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    let start = 4 + length;
    const blobs = head.bytes.map((size) => {
      const blob = new Blob([new Uint8Array(data, start, size)], { type: "image/jpeg" });
      start += size;
      return blob;
    });
    this.handlers[head.type]?.(head, blobs);
  }

  // False where nobody is there to listen.
  ask(command, value, more = {}) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify({ do: command, value, ...more }));
    return true;
  }
}
