// SPDX-License-Identifier: GPL-3.0-or-later
// The picture on show, its original, and the last ones.

import { number } from "./words.js";

const KEPT = 8; // as many as the receiver can decode again
const byId = (id) => document.getElementById(id);

export class Stage {
  constructor() {
    this.pictures = new Map(); // key -> {head, urls, item}
    this.shown = null; // its key
    this.held = false; // somebody chose an older one
    byId("split").addEventListener("input", () => this.divide());
    const frame = byId("frame");
    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || byId("original").hidden) return;
      event.preventDefault(); // a picture would be dragged off the page
      frame.setPointerCapture(event.pointerId);
      this.drag(event);
    });
    frame.addEventListener("pointermove", (event) => {
      if (frame.hasPointerCapture(event.pointerId)) this.drag(event);
    });
  }

  take(head, blobs) {
    const before = this.pictures.get(head.key);
    if (head.again && !before) return;
    // Decoded again, it comes without the original, which is here.
    const kept = head.again ? before.urls.slice(1) : [];
    before?.urls.slice(0, head.again ? 1 : undefined).forEach((url) => URL.revokeObjectURL(url));
    const entry = before ?? { item: this.addToFilm(head.key) };
    entry.head = head;
    entry.urls = [...blobs.map((blob) => URL.createObjectURL(blob)), ...kept];
    this.pictures.set(head.key, entry);
    entry.item.querySelector("img").src = entry.urls[0];
    entry.item.querySelector("button").title = head.name ?? head.key;
    this.forget();
    if (this.shown === head.key || (!head.again && !this.held)) this.show(head.key);
  }

  // Figures of a picture that was decoded again come after it.
  score({ key, realism, psnr_db, lpips }) {
    const entry = this.pictures.get(key);
    if (!entry || entry.head.realism !== realism) return;
    Object.assign(entry.head, { psnr_db, lpips });
    if (this.shown === key) this.tell(entry);
  }

  has(key) {
    return this.pictures.has(key);
  }

  addToFilm(key) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    image.alt = `Picture ${Number(key.split("-")[1])}`;
    button.append(image);
    button.addEventListener("click", () => {
      this.held = key !== this.newest();
      this.show(key);
    });
    item.append(button);
    byId("film").prepend(item);
    return item;
  }

  newest() {
    return [...this.pictures.keys()].at(-1);
  }

  forget() {
    for (const [key, entry] of this.pictures) {
      if (this.pictures.size <= KEPT) return;
      if (key === this.shown && this.held) this.held = false;
      entry.urls.forEach((url) => URL.revokeObjectURL(url));
      entry.item.remove();
      this.pictures.delete(key);
    }
  }

  show(key) {
    this.shown = key;
    const { head, urls } = this.pictures.get(key);
    byId("frame").classList.remove("empty");
    byId("received").src = urls[0];
    byId("received").alt = `Received: ${head.name ?? head.key}`;
    const known = urls.length > 1;
    for (const id of ["original", "edge", "split-label"]) byId(id).hidden = !known;
    if (known) {
      byId("original").src = urls[1];
      byId("original").alt = `Original: ${head.name ?? head.key}`;
    }
    this.tell(this.pictures.get(key));
    byId("save").disabled = false;
    for (const [other, entry] of this.pictures) {
      entry.item.querySelector("button").setAttribute("aria-current", other === key);
    }
    this.divide();
  }

  tell({ head }) {
    const realism = head.realism ?? head.wished;
    byId("caption").textContent = [
      head.name ?? head.key,
      `${head.width} x ${head.height}`,
      head.cbr ? `1 symbol per ${number(1 / head.cbr, 0)} samples` : null,
      `SNR ${number(head.snr_db, 1)} dB`,
      head.psnr_db === null ? null : `PSNR ${number(head.psnr_db, 1)} dB`,
      head.lpips === null ? null : `LPIPS ${number(head.lpips, 3)}`,
      realism === null ? null : `realism ${number(realism, 2)}`,
      head.callsign || null,
    ].filter(Boolean).join(" · ");
  }

  drag(event) {
    const box = byId("frame").getBoundingClientRect();
    byId("split").value = Math.round((100 * (event.clientX - box.left)) / box.width);
    this.divide();
  }

  divide() {
    const share = byId("split").value;
    byId("original").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
    byId("edge").style.left = `${share}%`;
  }
}
