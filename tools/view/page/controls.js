// SPDX-License-Identifier: GPL-3.0-or-later
// What can be changed on the running link. Names, ranges and units come from the link: whatever its
// table of verbs has is here, in the groups that it says, and what it lacks says why.

import { number } from "./words.js";

const IN_FRONT = ["realism", "pause"]; // have places of their own on the page
const IN_USE = "in use: "; // begins a hint that says more than what was asked for
const EVERY_MS = 60; // a slider that is dragged asks no more often

// At once, and then not too often; the last one always.
export function seldom(act) {
  let timer = 0;
  let waiting = null;
  const next = () => {
    timer = 0;
    if (waiting) {
      const [value] = waiting;
      waiting = null;
      now(value);
    }
  };
  const now = (value) => {
    act(value);
    timer = setTimeout(next, EVERY_MS);
  };
  return (value) => {
    if (timer) waiting = [value];
    else now(value);
  };
}

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function isBoolean({ schema }) {
  return schema.type === "boolean";
}

// A number as people read it: with its unit, and no more digits than it has.
function told(value, look) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "object") {
    return Object.entries(value).map(([name, each]) => `${name} ${each}`).join(", ");
  }
  if (typeof value !== "number") return String(value);
  const shown = Number((value / (look?.scale ?? 1)).toPrecision(7));
  return look?.unit ? `${shown} ${look.unit}` : String(shown);
}

// One verb: its parts on the page, what it asks for, and what it is told.
class Verb {
  constructor(name, about, ask) {
    this.name = name;
    this.about = about;
    this.ask = (value) => ask(name, value);
    this.root = make("div", { className: "verb" });
    this.note = make("p", { className: "note", id: `note-${name}` });
    this.inputs = [];
    this.make();
    this.root.append(this.note);
    this.root.title = about.summary;
  }

  id(part = "") {
    return `do-${this.name}${part && `-${part}`}`;
  }

  input(tag, properties, part) {
    const input = make(tag, { id: this.id(part), ...properties });
    input.setAttribute("aria-describedby", this.note.id);
    this.inputs.push(input);
    return input;
  }

  make() {
    const { about } = this;
    if (about.parts) this.makeParts();
    else if (isBoolean(about)) this.makeSwitch();
    else if (about.choices) this.makeChoice();
    else if (about.look?.low !== null && about.look) this.makeSlider();
    else this.makeField();
  }

  makeSlider() {
    const { look, label } = this.about;
    const { low: min, high: max, step } = look;
    this.output = make("output");
    const slider = this.input("input", { type: "range", min, max, step });
    this.output.htmlFor = slider.id;
    const send = seldom(this.ask);
    slider.addEventListener("input", () => {
      const value = Number((Number(slider.value) * look.scale).toPrecision(9));
      this.output.textContent = told(value, look);
      send(value);
    });
    const name = make("div", { className: "name" },
      make("label", { htmlFor: slider.id, textContent: label }), this.output);
    this.root.append(name, slider);
    if (this.about.null) {
      const none = this.input("button", { type: "button", className: "small", textContent: this.about.null }, "null");
      none.addEventListener("click", () => this.ask(none.getAttribute("aria-pressed") === "true" ? Number(slider.value) : null));
      this.none = none;
      this.root.append(none);
    }
    this.tell = (now) => {
      this.none?.setAttribute("aria-pressed", now === null);
      this.output.textContent = now === null && this.about.null ? this.about.null.toLowerCase() : told(now, look);
      if (typeof now === "number" && document.activeElement !== slider) slider.value = now / look.scale;
    };
  }

  makeParts() {
    const { parts, label, look } = this.about;
    const sliders = {};
    this.root.classList.add("wide");
    const line = make("div", { className: "verbs" });
    line.style.padding = "0";
    for (const [part, [min, max]] of Object.entries(parts)) {
      const output = make("output");
      const slider = this.input("input", { type: "range", min, max, step: 1 }, part);
      const send = seldom((value) => this.ask({ [part]: value }));
      slider.addEventListener("input", () => {
        output.textContent = told(Number(slider.value), look);
        send(Number(slider.value));
      });
      sliders[part] = [slider, output];
      line.append(make("div", {}, make("div", { className: "name" },
        make("label", { htmlFor: slider.id, textContent: `${label} ${part}` }), output), slider));
    }
    this.root.append(line);
    this.tell = (now) => {
      for (const [part, [slider, output]] of Object.entries(sliders)) {
        const value = now?.[part] ?? null;
        output.textContent = value === null ? String(now ?? "–") : told(value, look);
        if (value !== null && document.activeElement !== slider) slider.value = value;
      }
    };
  }

  makeSwitch() {
    const button = this.input("button", { type: "button" });
    button.addEventListener("click", () => this.ask(button.getAttribute("aria-pressed") !== "true"));
    this.root.append(button);
    this.tell = (now) => {
      button.setAttribute("aria-pressed", now === true);
      button.textContent = now ? this.about.button ?? this.about.label : this.about.label;
    };
  }

  makeChoice() {
    const select = this.input("select");
    select.append(...this.about.choices.map((choice) => new Option(choice)));
    select.addEventListener("change", () => this.ask(select.value));
    this.root.append(make("label", { htmlFor: select.id, textContent: this.about.label }), select);
    this.tell = (now) => {
      if (now !== null && ![...select.options].some(({ value }) => value === now)) select.append(new Option(now));
      if (document.activeElement !== select) select.value = now;
    };
  }

  makeField() {
    const { label, look, button: does } = this.about;
    const scale = look?.scale ?? 1;
    const type = look ? "number" : "text";
    const field = this.input("input", { type, ...(look && { step: "any" }), autocomplete: "off", spellcheck: false });
    const send = () => {
      if (field.value.trim() === "") return;
      this.ask(look ? Number((Number(field.value) * scale).toPrecision(12)) : field.value.trim());
    };
    field.addEventListener("keydown", (event) => event.key === "Enter" && send());
    const unit = look?.unit ? ` (${look.unit})` : "";
    const line = make("div", { className: "line" }, field);
    if (does) {
      const button = this.input("button", { type: "button", textContent: does }, "button");
      button.addEventListener("click", send);
      line.append(button);
    }
    if (!look) this.root.classList.add("wide");
    this.root.append(make("label", { htmlFor: field.id, textContent: label + unit }), line);
    this.tell = (now) => {
      const shown = typeof now === "number" ? Number((now / scale).toPrecision(12)) : now ?? "";
      if (document.activeElement !== field) field.value = shown;
    };
  }

  take(about) {
    this.about = about;
    for (const input of this.inputs) input.disabled = about.missing !== null;
    const note = about.missing === null ? about.hint ?? "" : `Not here: ${about.missing}.`;
    if (this.note.textContent !== note) this.note.textContent = note;
    this.tell(about.now);
  }
}

export class Controls {
  // ask(name, value) has it done.
  constructor(root, ask) {
    this.root = root;
    this.ask = ask;
    this.verbs = new Map();
    this.groups = new Map();
  }

  // All verbs as the link describes them.
  take(verbs) {
    for (const [name, about] of Object.entries(verbs)) {
      if (IN_FRONT.includes(name)) continue;
      const known = this.verbs.get(name);
      // After a restart the same page may meet another link: other parts, other choices.
      if (!known || shape(known.about) !== shape(about)) this.place(name, about, known);
      this.verbs.get(name).take(about);
    }
    for (const group of this.groups.values()) this.sum(group);
  }

  place(name, about, before) {
    const verb = new Verb(name, about, this.ask);
    if (before) before.root.replaceWith(verb.root);
    else this.group(about.group).inside.append(verb.root);
    this.verbs.set(name, verb);
  }

  group(name) {
    if (!this.groups.has(name)) {
      const now = make("span");
      const inside = make("div", { className: "verbs" });
      const details = make("details", {}, make("summary", {}, `${name} `, now), inside);
      details.dataset.group = name;
      details.name = "controls"; // one is open at a time
      this.root.append(details);
      this.groups.set(name, { name, now, inside, details });
    }
    return this.groups.get(name);
  }

  // What a closed group says: what is in force, in a few words.
  sum({ name, now, details }) {
    const verbs = [...this.verbs.values()].filter(({ about }) => about.group === name);
    const there = verbs.filter(({ about }) => about.missing === null);
    details.classList.toggle("not", there.length === 0);
    const words = there
      .filter(({ about }) => !about.hint?.endsWith("has none"))
      .map(({ name: verb, about }) => brief(verb, about))
      .filter(Boolean);
    const text = there.length ? words.slice(0, 3).join(" · ") : "not here";
    if (now.textContent !== text) now.textContent = text;
  }

  // A call was refused: what is in force is shown again.
  restore(name) {
    const verb = this.verbs.get(name);
    if (!verb) return;
    if (verb.root.contains(document.activeElement) && verb.about.choices) document.activeElement.blur();
    verb.tell(verb.about.now);
  }
}

function shape({ parts, choices, group }) {
  return JSON.stringify([parts, choices, group]);
}

function brief(name, { now, off, look, button, hint, null: none }) {
  if (hint?.startsWith(IN_USE)) return hint.slice(IN_USE.length);
  if (now === null) return none?.toLowerCase();
  if (now === off) return "";
  if (typeof now === "boolean") return now ? "running" : "";
  if (name === "source") return String(now).split("/").at(-1);
  if (name === "save") return `last ${number(now)} s`;
  if (button && !look) return "";
  return told(now, look);
}
