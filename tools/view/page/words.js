// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers for people.

export function number(value, digits = 0) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

export function rate(hertz) {
  return `${+(hertz / 1e6).toPrecision(4)} Msps`;
}
