// SPDX-License-Identifier: GPL-3.0-or-later
// One trial: both pictures appear in one frame, and the clock runs from that frame to the answer,
// but for pauses.

import { inWords, lay } from "./zoom.js";

const byId = (id) => document.getElementById(id);
const stage = byId("stage"), figures = [byId("first"), byId("second")];
const buttons = { left: byId("left"), equal: byId("equal"), right: byId("right") };
const KEYS = {
  ArrowLeft: "left", ArrowUp: "left", ArrowRight: "right", ArrowDown: "right", "=": "equal", e: "equal", 0: "equal",
};

const TOO_EARLY = 300; // ms: the second press of a double click, no judgement of what just appeared

let asking = null; // the trial on show

const frame = () => new Promise(requestAnimationFrame);

// Lays the pictures out in the room that there is; again whenever that changes.
function arrange() {
  if (asking === null) return;
  const room = stage.getBoundingClientRect();
  const laid = lay(asking.width, asking.height, room, devicePixelRatio);
  laid.boxes.forEach((box, side) => {
    for (const [name, value] of Object.entries(box)) figures[side].style[name] = `${value}px`;
  });
  stage.classList.toggle("whole", Number.isInteger(laid.zoom) && laid.zoom > 1);
  asking.zoom = laid.zoom;
  byId("zoom").textContent = inWords(laid.zoom);
  buttons.left.textContent = laid.stacked ? "Upper" : "Left";
  buttons.right.textContent = laid.stacked ? "Lower" : "Right";
}

function showOriginal(on, now) {
  if (asking === null || !asking.original || asking.shown === null) return;
  if (on === (asking.originalSince !== null)) return;
  if (on) asking.originalSince = now;
  else {
    asking.originalMs += now - asking.originalSince;
    asking.originalSince = null;
  }
  stage.classList.toggle("bare", on);
  byId("original").setAttribute("aria-pressed", String(on));
}

function enable(on) {
  for (const button of [...Object.values(buttons), byId("original")]) button.disabled = !on;
}

async function appear() {
  arrange();
  await frame();
  asking.shown = await frame(); // the clock of this frame
  stage.classList.remove("blank");
  asking.shows += 1;
  enable(true);
}

function cover(text) {
  enable(false);
  stage.classList.add("blank");
  stage.classList.remove("bare");
  byId("cover").textContent = text;
}

function pauseOr(on) {
  if (asking === null || on === asking.paused) return;
  if (on && asking.shown === null) return; // not yet there: nothing to hide
  asking.paused = on;
  byId("pause").setAttribute("aria-pressed", String(on));
  byId("pause").textContent = on ? "Go on" : "Pause";
  if (on) {
    const now = performance.now();
    showOriginal(false, now);
    asking.seenMs += now - asking.shown;
    cover("Pause. Take your time; the pictures come back when you go on.");
    asking.shown = null;
  } else appear();
}

function choose(choice, now) {
  if (asking === null || asking.shown === null || buttons[choice].hidden) return;
  if (now - asking.shown < TOO_EARLY) return;
  showOriginal(false, now);
  const given = {
    choice,
    reaction_ms: asking.seenMs + Math.max(0, now - asking.shown),
    original_ms: asking.originalMs,
    shows: asking.shows,
    zoom: asking.zoom * (visualViewport?.scale ?? 1),
    pixel_ratio: devicePixelRatio,
  };
  const { answer } = asking;
  asking = null;
  cover("");
  answer(given);
}

export function prepare(equal, original) {
  buttons.equal.hidden = !equal;
  byId("original").hidden = !original;
  byId("keys").textContent = `Keys: ← → choose${equal ? ", = equal" : ""}${original ? ", hold space for the original" : ""}, P pause.`;
  for (const [choice, button] of Object.entries(buttons)) {
    button.addEventListener("click", (event) => choose(choice, event.timeStamp));
  }
  figures.forEach((figure, side) => {
    figure.addEventListener("click", (event) => choose(side ? "right" : "left", event.timeStamp));
  });
  const hold = byId("original");
  hold.addEventListener("pointerdown", (event) => {
    hold.setPointerCapture(event.pointerId);
    showOriginal(true, event.timeStamp);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    hold.addEventListener(end, (event) => showOriginal(false, event.timeStamp));
  }
  hold.addEventListener("contextmenu", (event) => event.preventDefault());
  byId("pause").addEventListener("click", (event) => {
    if (event.detail > 0) byId("pause").blur(); // by a pointer: the space bar is the original's again
    pauseOr(!asking?.paused);
  });
  addEventListener("keydown", (event) => {
    if (asking === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && document.activeElement?.id !== "pause") {
      event.preventDefault(); // no button is pressed by it
      if (!event.repeat) showOriginal(true, event.timeStamp);
    } else if (event.key === "p" || event.key === "P") {
      if (!event.repeat) pauseOr(!asking.paused);
    } else if (event.key in KEYS && !event.repeat) {
      event.preventDefault();
      choose(KEYS[event.key], event.timeStamp);
    }
  });
  addEventListener("keyup", (event) => {
    if (event.key !== " ") return;
    if (asking !== null && document.activeElement?.id !== "pause") event.preventDefault();
    showOriginal(false, event.timeStamp);
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) pauseOr(true);
  });
  new ResizeObserver(arrange).observe(stage);
  addEventListener("resize", arrange); // also where pixels alone have another size
}

// Shows a trial whose pictures are decoded; gives what was answered.
export function ask(trial) {
  return new Promise((answer) => {
    asking = {
      ...trial, answer, paused: false, zoom: 1,
      shown: null, shows: 0, seenMs: 0, // since when; how often; for how long before the last pause
      originalSince: null, originalMs: 0,
    };
    [trial.left, trial.right].forEach((image, side) => {
      const original = trial.original?.[side];
      image.className = "picture";
      image.alt = side ? "second picture" : "first picture";
      if (original) original.className = "original";
      figures[side].replaceChildren(image, ...(original ? [original] : []));
    });
    appear();
  });
}

export { cover };
