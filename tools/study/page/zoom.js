// SPDX-License-Identifier: GPL-3.0-or-later
// Where two pictures lie, so that each of their pixels is a whole number of the screen's if there
// is room for that; otherwise smaller, and the page says so.

const GAP = 16; // of the page's pixels

// Gives zoom (pixels of the screen for one of the picture), whether one lies below the other, and
// the boxes of both in the page's pixels, on the grid of the screen's.
export function lay(width, height, room, ratio) {
  const snap = (value) => Math.round(value * ratio) / ratio;
  const scale = (w, h) => Math.min((w * ratio) / width, (h * ratio) / height);
  const beside = scale((room.width - GAP) / 2, room.height);
  const below = scale(room.width, (room.height - GAP) / 2);
  const stacked = below > beside && Math.floor(beside) < Math.max(1, Math.round(ratio));
  const most = Math.max(stacked ? below : beside, 0.01);
  // Tiny pixels of a phone are shown in groups, as everything else on it is.
  const zoom = most >= 1 ? Math.min(Math.floor(most), Math.max(1, Math.round(ratio))) : most;
  const size = { width: (width * zoom) / ratio, height: (height * zoom) / ratio };
  const middle = { x: room.width / 2, y: room.height / 2 };
  const place = (side) => ({
    left: snap(stacked ? middle.x - size.width / 2 : middle.x + (side ? GAP / 2 : -GAP / 2 - size.width)),
    top: snap(stacked ? middle.y + (side ? GAP / 2 : -GAP / 2 - size.height) : middle.y - size.height / 2),
    ...size,
  });
  return { zoom, stacked, boxes: [place(0), place(1)] };
}

export function inWords(zoom) {
  if (zoom === 1) return "Pictures at their native pixels.";
  if (Number.isInteger(zoom)) return `Each pixel of the pictures is ${zoom} × ${zoom} of your screen.`;
  return `Your window is too small: pictures at ${Math.round(100 * zoom)} % of their size.`;
}
