// SPDX-License-Identifier: GPL-3.0-or-later
// The text of a field to the clipboard; whether it came there.

export async function copyFrom(field) {
  field.select();
  try {
    // There is none but over TLS or on one's own machine.
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(field.value);
      return true;
    }
  } catch {
    // forbidden
  }
  return document.execCommand?.("copy") ?? false;
}
