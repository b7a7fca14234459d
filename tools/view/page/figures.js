// SPDX-License-Identifier: GPL-3.0-or-later
// Figures as values, as short time series, and what to do when one is bad.

import { series } from "./plots.js";
import { number, rate } from "./words.js";

const KEPT = 120; // values of a time series

// name, digits, unit, of a picture's head (p) or of the figures (f: receiver's stats, all)
const TILES = [
  ["SNR", 1, "dB", { p: (head) => head.snr_db }],
  ["EVM", 1, "dB", { p: (head) => head.evm_db }],
  ["PSNR", 1, "dB", { p: (head) => head.psnr_db }],
  ["LPIPS", 3, "", { p: (head) => head.lpips }],
  ["Latency", 0, "ms", { p: (head) => head.latency_ms }],
  ["Pictures/s", 1, "", { f: (rx, all, before) => speed(all, before) }],
  ["Received", 0, "", { f: (rx) => rx.images.decoded }],
  ["Packets", 0, "", { f: (rx) => rx.sync.packets }],
  ["Headers lost", 0, "", { f: (rx) => rx.sync.headers_lost }],
  ["Erased symbols", 0, "", { f: (rx, all) => all.erased }],
  ["Undecodable", 0, "", { f: (rx) => rx.images.undecodable }],
  ["Dropped", 0, "", { f: (rx) => rx.images.dropped }],
  ["Overruns", 0, "", { f: (rx) => rx.radio?.overruns ?? null }],
  ["Latency p50 | p99", 0, "ms", { words: (rx) => {
    const { p50, p99 } = rx.images.latency_ms;
    return `${number(p50)} | ${number(p99)}`;
  } }],
];

// As in docs/on-the-air.md: figure, good, otherwise; and its value now, and whether it is good.
const READING = [
  ["loudest", "-30 to -10 dBFS", "below: more gain; above, or clipping: less (VGA first)",
    (rx) => rx.radio?.level?.loudest_dbfs, (v) => v >= -30 && v <= -10, 0, "dBFS"],
  ["SNR", "10 dB and up; pictures from -1 dB, -4 with long headers", "level, antennas, interference",
    (rx) => rx.link.snr_db_measured, (v) => v >= 10, 1, "dB"],
  ["offset", "±112 kHz at 2 Msps, twice that at 4", "tune nearer",
    (rx) => rx.link.freq_offset_hz_measured,
    (v, rx) => Math.abs(v) <= 112e3 * (rx.waveform.samp_rate / 2e6), 0, "Hz"],
  ["overruns, underruns", "0", "lower --samp-rate, own USB 3 port, ulimit -r",
    (rx) => rx.radio && rx.radio.overruns + rx.radio.underruns, (v) => v === 0, 0, ""],
  ["headers lost", "few", "interference, or packets cut off by overruns",
    (rx) => rx.sync.headers_lost, (v, rx) => v <= 0.05 * (v + rx.sync.packets), 0, ""],
  ["dropped", "0", "pictures come faster than they are decoded: lower --fps",
    (rx) => rx.images.dropped, (v) => v === 0, 0, ""],
];

function speed(all, before) {
  if (!before) return null;
  const decoded = (figures) => receiver(figures.stats).images.decoded;
  return (decoded(all) - decoded(before)) / ((all.at - before.at) / 1000);
}

export function receiver(stats) {
  return stats.receiver ?? stats;
}

export class Figures {
  constructor() {
    this.tiles = TILES.map(([name, digits, unit, from]) => {
      const tile = document.createElement("div");
      tile.className = "tile";
      const label = document.createElement("span");
      label.textContent = name;
      const value = document.createElement("b");
      value.textContent = "–";
      const canvas = from.words ? null : document.createElement("canvas");
      canvas?.setAttribute("aria-hidden", "true");
      tile.append(label, value, ...(canvas ? [canvas] : []));
      tile.dataset.figure = name;
      document.getElementById("figures").append(tile);
      return { from, digits, unit, value, canvas, values: [] };
    });
    this.rows = READING.map(([name, good, otherwise, ...rest]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      const cells = ["–", good, otherwise].map((text) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        return cell;
      });
      cells[0].className = "now";
      row.append(head, ...cells);
      document.querySelector("#reading tbody").append(row);
      return { row, now: cells[0], rest };
    });
    this.last = [];
  }

  picture(head) {
    for (const tile of this.tiles) if (tile.from.p) this.add(tile, tile.from.p(head));
  }

  take(all) {
    all.at = performance.now();
    const rx = receiver(all.stats);
    const decoded = (figures) => receiver(figures.stats).images.decoded;
    if (this.last.length && decoded(all) < decoded(this.last.at(-1))) this.last = []; // restarted
    // Over some seconds, for single pictures make a jumpy rate.
    this.last.push(all);
    if (this.last.length > 8) this.last.shift();
    const before = this.last.length > 1 ? this.last[0] : null;
    for (const tile of this.tiles) {
      if (tile.from.words) tile.value.textContent = `${tile.from.words(rx)} ${tile.unit}`;
      if (tile.from.f) this.add(tile, tile.from.f(rx, all, before));
    }
    for (const { row, now, rest: [value, isGood, digits, unit] } of this.rows) {
      const v = value(rx) ?? null;
      now.textContent = `${number(v, digits)} ${v === null ? "" : unit}`;
      row.dataset.verdict = v === null ? "none" : isGood(v, rx) ? "good" : "bad";
    }
  }

  add(tile, value) {
    tile.values.push(value ?? null);
    if (tile.values.length > KEPT) tile.values.shift();
    tile.value.textContent = `${number(value, tile.digits)} ${value === null ? "" : tile.unit}`;
    series(tile.canvas, tile.values);
  }
}

// What runs, in one line; and why this engine does.
export function about(all, source) {
  const rx = receiver(all.stats);
  const { codec, model, engine_reason: engine } = rx.codec;
  const { profile, samp_rate: samples } = rx.waveform;
  const cbr = rx.link.cbr && `1 symbol per ${number(1 / rx.link.cbr, 0)} source samples`;
  const short = engine?.split(": ")[0];
  const parts = [source, `${profile} at ${rate(samples)}`, cbr, `codec ${codec}, model ${model}`, short];
  return [parts.filter(Boolean).join(" · "), engine ? `Engine: ${engine}.` : ""];
}
