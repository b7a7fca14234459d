// SPDX-License-Identifier: GPL-3.0-or-later
// The display check: which greys can be told apart, and how large a pixel is.

const PATCHES = 16, CARD_MM = 53.98; // the short side of ISO/IEC 7810 ID-1
const byId = (id) => document.getElementById(id);

export function prepare() {
  for (let step = 0; step < PATCHES; step += 1) {
    const level = Math.round((255 * step) / (PATCHES - 1));
    const patch = document.createElement("i");
    patch.style.background = `rgb(${level} ${level} ${level})`;
    byId("ramp").append(patch);
  }
  byId("patches").textContent = PATCHES;
  const choices = [["", "not sure"], ...Array.from({ length: PATCHES - 3 }, (_, i) => [PATCHES - i, PATCHES - i])];
  for (const [value, text] of choices) byId("steps").append(new Option(text, value));
  const card = byId("card");
  card.max = Math.min(420, document.documentElement.clientWidth - 40);
  const draw = () => {
    byId("bar").style.width = `${card.value}px`;
  };
  card.addEventListener("input", () => {
    card.dataset.moved = "yes"; // what nobody has set says nothing of a screen
    draw();
  });
  byId("nocard").addEventListener("change", (event) => {
    card.disabled = event.target.checked;
    byId("bar").style.opacity = event.target.checked ? 0.3 : 1;
  });
  draw();
}

export function found() {
  const display = { width: screen.width, height: screen.height, pixel_ratio: devicePixelRatio };
  if (byId("steps").value) display.steps = Number(byId("steps").value);
  if (byId("card").dataset.moved && !byId("nocard").checked) {
    display.pixel_mm = CARD_MM / (Number(byId("card").value) * devicePixelRatio);
  }
  return display;
}
