// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures of this trial and the next: fetched always in one order, decoded before they are shown.

import { fetchPicture } from "./calls.js";

const loading = new Map(); // trial -> promise of its pictures

async function decoded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

async function fetchAll(trial, token) {
  const addresses = {};
  for (const place of ["left", "right", "original"]) {
    if (trial[place]) addresses[place] = URL.createObjectURL(await fetchPicture(trial[place], token));
  }
  const { left, right, original } = addresses;
  const images = await Promise.all([left, right, ...(original ? [original, original] : [])].map(decoded));
  return {
    width: trial.width,
    height: trial.height,
    left: images[0],
    right: images[1],
    original: original ? images.slice(2) : null,
    release: () => Object.values(addresses).forEach(URL.revokeObjectURL),
  };
}

export function load(trial, token) {
  if (!loading.has(trial.trial)) {
    const pictures = fetchAll(trial, token);
    pictures.catch(() => loading.delete(trial.trial)); // told to whoever waits for it
    loading.set(trial.trial, pictures);
  }
  return loading.get(trial.trial);
}

export function release(trial, pictures) {
  pictures.release();
  loading.delete(trial.trial);
}
