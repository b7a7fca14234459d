// SPDX-License-Identifier: GPL-3.0-or-later
// Spectra over time, the newest on top.

const ROWS = 100;
const RANGE_DB = 50; // from dark to bright

export class Waterfall {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  add(powerDb) {
    const width = powerDb.length;
    if (this.canvas.width !== width || this.canvas.height !== ROWS) {
      this.canvas.width = width;
      this.canvas.height = ROWS;
      this.loudest = -Infinity;
    }
    // The scale falls slowly, so that a pause between packets looks like one.
    this.loudest = Math.max(this.loudest - 0.2, ...powerDb.filter((db) => db !== null));
    this.context.drawImage(this.canvas, 0, 1);
    const row = this.context.createImageData(width, 1);
    powerDb.forEach((db, i) => {
      const share = db === null ? 0 : Math.min(1, Math.max(0, 1 + (db - this.loudest) / RANGE_DB));
      row.data.set([255 * share ** 3, 220 * share ** 1.5, 60 + 180 * share, 255], 4 * i);
    });
    this.context.putImageData(row, 0, 0);
  }
}
