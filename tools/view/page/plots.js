// SPDX-License-Identifier: GPL-3.0-or-later
// Small plots on canvases.

// Of the style sheet, which has them for light and dark.
const NAMES = { one: "--one", two: "--two", line: "--grid", text: "--dim" };
const COLOURS = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const [name, variable] of Object.entries(NAMES)) COLOURS[name] = style.getPropertyValue(variable);
}

matchMedia("(prefers-color-scheme: light)").addEventListener("change", readColours);
if (document.readyState === "complete") readColours();
else addEventListener("load", readColours);

function fresh(canvas) {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}

export function constellation(canvas, points, noiseVar) {
  const [c, width, height] = fresh(canvas);
  const scale = Math.min(width, height) / 2 / 3; // three times the mean amplitude
  c.translate(width / 2, height / 2);
  c.strokeStyle = COLOURS.line;
  c.beginPath();
  c.moveTo(-width / 2, 0);
  c.lineTo(width / 2, 0);
  c.moveTo(0, -height / 2);
  c.lineTo(0, height / 2);
  c.stroke();
  c.fillStyle = COLOURS.one;
  for (const [x, y] of points) c.fillRect(x * scale - 1, -y * scale - 1, 2, 2);
  if (noiseVar !== null) {
    c.strokeStyle = COLOURS.two;
    c.lineWidth = 2;
    c.beginPath();
    c.arc(0, 0, Math.sqrt(noiseVar) * scale, 0, 2 * Math.PI);
    c.stroke();
  }
}

export function overCarriers(canvas, carriers, curves) {
  const [c, width, height] = fresh(canvas);
  const all = curves.flat().filter((value) => value !== null);
  if (!all.length) return;
  const step = Math.max(...all) - Math.min(...all) > 25 ? 20 : 5;
  const low = step * Math.floor(Math.min(...all) / step);
  const high = Math.max(low + step, step * Math.ceil(Math.max(...all) / step));
  const first = carriers[0];
  const across = (k) => 30 + ((width - 36) * (k - first)) / (carriers.at(-1) - first);
  const up = (db) => height - 16 - ((height - 24) * (db - low)) / (high - low);
  c.font = "11px system-ui, sans-serif";
  c.fillStyle = COLOURS.text;
  c.strokeStyle = COLOURS.line;
  for (let db = low; db <= high; db += step) {
    c.fillText(db, 2, up(db) + 4);
    c.beginPath();
    c.moveTo(28, up(db));
    c.lineTo(width, up(db));
    c.stroke();
  }
  for (const k of [first, 0, carriers.at(-1)]) c.fillText(k, Math.min(across(k), width - 32), height - 3);
  curves.forEach((curve, i) => {
    c.strokeStyle = i ? COLOURS.two : COLOURS.one;
    c.lineWidth = 1.5;
    c.beginPath();
    curve.forEach((db, j) => db !== null && c.lineTo(across(carriers[j]), up(db)));
    c.stroke();
  });
}

export function series(canvas, values) {
  const [c, width, height] = fresh(canvas);
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return;
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  c.strokeStyle = COLOURS.one;
  c.lineWidth = 1.5;
  c.beginPath();
  values.forEach((value, i) => {
    if (value === null) return;
    c.lineTo((width * i) / (values.length - 1), height - 3 - ((height - 6) * (value - low)) / span);
  });
  c.stroke();
}
