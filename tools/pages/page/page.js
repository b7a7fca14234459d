// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// Two of a picture's layers under a slider: by keyboard, mouse and touch. Without this script the
// layers lie side by side.
for (const figure of document.querySelectorAll(".comparison")) {
  const find = (selector) => figure.querySelector(selector);
  const pictures = [...figure.querySelectorAll(".layer")].filter((layer) => layer.querySelector("img"));
  if (pictures.length < 2) continue;
  const [left, right] = [find("[data-side=left]"), find("[data-side=right]")];
  const [under, over, slider] = [find(".under"), find(".over"), find("input")];
  const [sheet, divider, zoom, shown] = [find(".sheet"), find(".divider"), find("[data-zoom]"), find(".shown")];
  const words = (index) => pictures[index].querySelector("p").textContent.trim();

  function choose() {
    for (const [image, select] of [[over, left], [under, right]]) {
      const source = pictures[select.selectedIndex].querySelector("img");
      image.src = source.src;
      image.alt = source.alt;
    }
    shown.textContent = `Left: ${words(left.selectedIndex)}. Right: ${words(right.selectedIndex)}.`;
  }
  function divide() {
    over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
    divider.style.left = `${slider.value}%`;
    slider.setAttribute("aria-valuetext", `${slider.value}% from the left`);
  }
  function enlarge() {
    const whole = zoom.value === "fit";
    sheet.classList.toggle("zoomed", !whole);
    const width = whole ? "" : `${figure.dataset.width * zoom.value / (zoom.value === "1" ? devicePixelRatio : 1)}px`;
    sheet.style.width = width;
    under.style.width = whole ? "" : "100%";
  }
  function follow(event) {
    const box = sheet.getBoundingClientRect();
    slider.value = Math.round(100 * (event.clientX - box.left) / box.width);
    divide();
  }
  left.selectedIndex = 0;
  right.selectedIndex = 1;
  for (const select of [left, right]) select.addEventListener("change", choose);
  zoom.addEventListener("change", enlarge);
  slider.addEventListener("input", divide);
  sheet.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    sheet.setPointerCapture(event.pointerId);
    follow(event);
  });
  sheet.addEventListener("pointermove", (event) => {
    if (sheet.hasPointerCapture(event.pointerId)) follow(event);
  });
  figure.classList.add("scripted");
  for (const part of [".controls", ".stage", ".shown"]) find(part).hidden = false;
  choose();
  divide();
}
// What is folded is printed as well.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    details.dataset.folded = "";
  }
});
addEventListener("afterprint", () => {
  for (const details of document.querySelectorAll("details[data-folded]")) {
    details.open = false;
    delete details.dataset.folded;
  }
});
