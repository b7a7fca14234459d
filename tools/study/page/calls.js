// SPDX-License-Identifier: GPL-3.0-or-later
// Calls to the server that do not give up: what has no connection waits for it.

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

const away = document.getElementById("away");
const JSON_WITHIN = 20000, PICTURE_WITHIN = 120000; // ms
const LONGEST_WAIT = 4000;

function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    }
    addEventListener("online", done);
  });
}

async function insist(address, options, within, read) {
  for (let wait = 300; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    const control = new AbortController(); // AbortSignal.timeout is of 2022
    const timer = setTimeout(() => control.abort(), within);
    try {
      const reply = await fetch(address, { ...options, signal: control.signal });
      if (reply.ok) {
        const found = await read(reply);
        away.hidden = true;
        return found;
      }
      if (reply.status !== 429 && reply.status !== 408 && reply.status < 500) {
        const { error } = await reply.json().catch(() => ({ error: `The server cannot be reached (status ${reply.status}). Nothing is lost: please reload in a moment.` }));
        throw new Refused(reply.status, error);
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
    } finally {
      clearTimeout(timer);
    }
    away.hidden = false; // a full disk or a proxy without its server says 5xx, and is waited for too
    await pause(wait);
  }
}

export function call(name, token, message = {}) {
  const options = {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(message),
  };
  return insist(`api/${name}`, options, JSON_WITHIN, (reply) => reply.json());
}

export function fetchPicture(name, token) {
  const options = { headers: { authorization: `Bearer ${token}` } };
  return insist(`api/picture/${name}`, options, PICTURE_WITHIN, (reply) => reply.blob());
}
