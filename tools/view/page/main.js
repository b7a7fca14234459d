// SPDX-License-Identifier: GPL-3.0-or-later
// The page: what the link says goes into its parts, what a person does goes to the link.

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
function tellLacking(lacking) {
  for (const control of document.querySelectorAll("[data-command]")) {
    const why = lacking[control.dataset.command] ?? "";
    control.disabled = Boolean(why);
    control.title = why;
  }
  const reasons = new Map();
  for (const [command, why] of Object.entries(lacking)) {
    reasons.set(why, [...(reasons.get(why) ?? []), command]);
  }
  byId("lacking").textContent =
    [...reasons].map(([why, commands]) => `Not available: ${commands.join(", ")} (${why}).`).join(" ");
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
  settings(message) {
    byId("pause").setAttribute("aria-pressed", message.paused);
    byId("pause").textContent = message.paused ? "Go on" : "Pause";
    const { realism } = message;
    byId("realism-value").textContent = realism === null ? "sender's" : number(realism, 2);
    if (realism !== null && document.activeElement !== byId("realism")) byId("realism").value = realism;
    byId("state").dataset.who = message.remote ? "the viewer" : "the receiver";
    tellLacking(message.lacking);
    byId("snr-label").hidden = !message.has_channel;
    if (message.snr_db !== null) {
      byId("snr-value").textContent = `${number(message.snr_db)} dB`;
      if (document.activeElement !== byId("snr")) byId("snr").value = message.snr_db;
    }
  },
  error(message) {
    complain(message.error);
  },
});

function ask(command, value, more) {
  if (!link.ask(command, value, more)) complain("The receiver is not there.");
}

function onShow() {
  return stage.shown ? { picture: stage.shown } : {};
}

byId("realism").addEventListener("input", (event) => ask("realism", Number(event.target.value), onShow()));
byId("follow").addEventListener("click", () => ask("realism", null, onShow()));
byId("snr").addEventListener("input", (event) => ask("snr", Number(event.target.value)));
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
