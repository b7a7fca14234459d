// SPDX-License-Identifier: GPL-3.0-or-later
// From the link to the last trial.

import { call, Refused } from "./calls.js";
import { copyFrom } from "./copy.js";
import * as display from "./display.js";
import { observer, outbox } from "./kept.js";
import { load, release } from "./pictures.js";
import * as stage from "./stage.js";

const byId = (id) => document.getElementById(id);
const PAGES = ["wait", "who", "welcome", "trial", "end"];

function turnTo(page) {
  for (const name of PAGES) byId(name).hidden = name !== page;
}

function say(text) {
  byId("message").textContent = text;
  turnTo("wait");
}

async function whoAmI() {
  const [, kind, token] = /^#(join|observer)=([\w=-]+)$/.exec(location.hash) ?? [];
  if (kind === "observer") {
    offerAnother(observer.invitation(token));
    return token;
  }
  if (kind !== "join") throw new Refused(401, "Please open the whole link that you were given.");
  const known = observer.recall(token);
  // On one machine for all that may be whoever sat here last.
  const mine = known !== null && (await isSame()) ? known : (await call("join", token)).observer;
  observer.remember(token, mine);
  offerAnother(token);
  // The page may be opened again by its own address: it is this observer's from now on.
  history.replaceState(null, "", `#observer=${mine}`);
  return mine;
}

function isSame() {
  turnTo("who");
  return new Promise((resolve) => {
    byId("same").addEventListener("click", () => resolve(true));
    byId("other").addEventListener("click", () => resolve(false));
  });
}

// Only who came by an invitation has one for the next.
function offerAnother(invitation) {
  if (invitation === null) return;
  byId("anew").hidden = false;
  byId("anew").addEventListener("click", () => {
    observer.forget(invitation);
    location.replace(`#join=${invitation}`);
    location.reload();
  });
}

function welcome(about, token) {
  byId("title").textContent = about.title;
  for (const text of about.consent.split(/\n\s*\n/)) {
    byId("consent").append(Object.assign(document.createElement("p"), { textContent: text }));
  }
  const fields = about.asks.map((text) => {
    const field = Object.assign(document.createElement("input"), { maxLength: 500 });
    const label = Object.assign(document.createElement("label"), { textContent: text });
    label.append(field);
    byId("asks").append(label);
    return field;
  });
  byId("link").value = location.href;
  byId("copy").addEventListener("click", async () => {
    byId("copied").textContent = (await copyFrom(byId("link")))
      ? "Copied." : "The link is selected: copy it with the keyboard or the menu.";
  });
  turnTo("welcome");
  display.prepare();
  return new Promise((resolve) => {
    byId("form").addEventListener("submit", (event) => {
      event.preventDefault();
      byId("begin").disabled = true;
      const asked = fields.map((field) => field.value);
      resolve(call("begin", token, { agree: true, asked, display: display.found() }));
    });
  });
}

async function askAll(about, token) {
  byId("question").textContent = about.question;
  stage.prepare(about.equal, about.original);
  for (;;) {
    await outbox.flush(token);
    const { done, of, trials } = await call("trials", token);
    byId("progress").textContent = `${Math.min(done + 1, of)} of ${of}`;
    byId("done").max = of;
    byId("done").value = done;
    const [now, next] = trials;
    if (now === null) return;
    stage.cover("Loading the pictures.");
    turnTo("trial");
    let pictures;
    try {
      pictures = await load(now, token);
    } catch (error) {
      if (error instanceof Refused && error.status === 404) continue; // answered in another tab
      throw error;
    }
    const answer = stage.ask(pictures);
    if (next !== null) load(next, token).catch(() => {});
    outbox.put(token, { trial: now.trial, ...(await answer) });
    release(now, pictures);
  }
}

async function main() {
  try {
    const token = await whoAmI();
    const about = await call("hello", token);
    document.title = about.title;
    if (!about.begun) await welcome(about, token);
    await askAll(about, token);
    turnTo("end");
  } catch (error) {
    say(error instanceof Refused ? error.message : `Something went wrong: ${error}. Please reload.`);
  }
}

addEventListener("hashchange", () => location.reload());
say("One moment."); // in place of what is said to browsers that do not come this far
main();
