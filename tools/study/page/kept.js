// SPDX-License-Identifier: GPL-3.0-or-later
// What outlives the tab: whose link was used here, and the one answer that may be under way.

import { call, Refused } from "./calls.js";

const memory = new Map(); // where a browser keeps nothing

function read(key) {
  try {
    return localStorage.getItem(key) ?? memory.get(key) ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

function write(key, value) {
  if (value === null) memory.delete(key);
  else memory.set(key, value);
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // private windows
  }
}

const joined = (invitation) => `percast-study-joined:${invitation}`;
const invited = (token) => `percast-study-invited:${token}`;
const box = (token) => `percast-study-answer:${token}`;

export const observer = {
  recall: (invitation) => read(joined(invitation)),
  invitation: (token) => read(invited(token)),
  remember(invitation, token) {
    write(joined(invitation), token);
    write(invited(token), invitation);
  },
  forget: (invitation) => write(joined(invitation), null),
};

// An answer lies here from the press until the server has said that it is on its disk.
export const outbox = {
  put: (token, answer) => write(box(token), JSON.stringify(answer)),
  async flush(token) {
    const waiting = read(box(token));
    if (waiting === null) return;
    try {
      await call("answer", token, JSON.parse(waiting));
    } catch (error) {
      // Never wanted: of another turn, or no answer at all. Whoever refuses it for another reason,
      // as a proxy that does not know us, may want it later.
      if (!(error instanceof Refused) || ![400, 409].includes(error.status)) throw error;
    }
    write(box(token), null);
  },
};
