// SPDX-License-Identifier: GPL-3.0-or-later
// The page: what the link says goes into its parts, what a person does goes to the link.

import { Controls, seldom } from "./controls.js";
import { about, Figures } from "./figures.js";
import { Stage } from "./picture.js";
import { constellation, overCarriers } from "./plots.js";
import { Link, withToken } from "./socket.js";
import { Waterfall } from "./waterfall.js";
import { number } from "./words.js";

const byId = (id) => document.getElementById(id);
const stage = new Stage();
const figures = new Figures();
const waterfall = new Waterfall(byId("waterfall"));
let errorTimer = 0;

// What the page reaches, and whether that reaches the receiver.
function tellState(here, words) {
  byId("state").dataset.state = here ? "here" : "away";
  if (byId("state").textContent !== words) byId("state").textContent = words;
}

// What this link cannot do stays where it is and says why.
function tellLacking(verbs) {
  const reasons = new Map();
  for (const control of document.querySelectorAll("[data-command]")) {
    const { missing, label } = verbs[control.dataset.command];
    control.disabled = missing !== null;
    control.title = missing ?? "";
    if (missing !== null) reasons.set(label, missing);
  }
  byId("lacking").textContent =
    [...reasons].map(([label, why]) => `${label} is not available: ${why}.`).join(" ");
}

function complain(text) {
  byId("error").textContent = text;
  clearTimeout(errorTimer);
  errorTimer = setTimeout(() => { byId("error").textContent = ""; }, 6000);
}

const link = new Link({
  state(state) {
    if (state === "away") tellState(false, `${byId("state").dataset.who} has gone; waiting for it`);
    else if (byId("state").dataset.who === "the receiver") tellState(true, "live");
  },
  picture(head, blobs) {
    if (!stage.has(head.key)) figures.picture(head);
    stage.take(head, blobs);
  },
  figures(message) {
    tellState(!message.gone, message.gone ?? "live");
    if (!message.stats) return;
    figures.take(message);
    [byId("about").textContent, byId("why").textContent] = about(message, message.source);
  },
  air(message) {
    constellation(byId("constellation"), message.points, message.noise_var);
    const stated = message.noise_var;
    byId("noise").textContent =
      stated === null ? "" : `Stated noise: ${number(10 * Math.log10(stated), 1)} dB over the symbols' power`;
    overCarriers(byId("channel"), message.carriers, [message.channel_db, message.snr_db]);
    const known = message.snr_db.filter((value) => value !== null);
    byId("subcarriers").textContent =
      `SNR ${number(Math.min(...known), 1)} to ${number(Math.max(...known), 1)} dB over ${known.length} subcarriers`;
  },
  spectrum(message) {
    const { power_db: power, samp_rate: samples } = message;
    const kilohertz = power.map((_, i) => Math.round((samples * (i / power.length - 0.5)) / 1000));
    overCarriers(byId("spectrum"), kilohertz, [power]);
    waterfall.add(power);
  },
  settings({ verbs, remote }) {
    byId("state").dataset.who = remote ? "the viewer" : "the receiver";
    const { realism: { now: realism }, pause: { now: paused } } = verbs;
    byId("pause").setAttribute("aria-pressed", paused);
    byId("pause").textContent = paused ? "Go on" : "Pause";
    byId("realism-value").textContent = realism === null ? "sender's" : number(realism, 2);
    if (realism !== null && document.activeElement !== byId("realism")) byId("realism").value = realism;
    tellLacking(verbs);
    controls.take(verbs);
  },
  scores(message) {
    stage.score(message);
  },
  error(message) {
    if (message.name) controls.restore(message.name);
    complain(message.error);
  },
});

function ask(command, value, more) {
  if (!link.ask(command, value, more)) complain("The receiver is not there.");
}

const controls = new Controls(byId("groups"), ask);

function onShow() {
  return stage.shown ? { picture: stage.shown } : {};
}

const turn = seldom((value) => ask("realism", value, onShow()));
byId("realism").addEventListener("input", (event) => turn(Number(event.target.value)));
byId("follow").addEventListener("click", () => ask("realism", null, onShow()));
byId("pause").addEventListener("click", () => {
  ask("pause", byId("pause").getAttribute("aria-pressed") !== "true");
});
byId("save").addEventListener("click", async () => {
  const key = stage.shown;
  const answer = await fetch(`/api/picture.png?picture=${encodeURIComponent(key)}`, withToken());
  if (!answer.ok) {
    complain("This picture is not kept any more.");
    return;
  }
  const download = document.createElement("a");
  download.href = URL.createObjectURL(await answer.blob());
  download.download = `${key}.png`;
  download.click();
  setTimeout(() => URL.revokeObjectURL(download.href), 10000);
});
