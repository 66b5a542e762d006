// The form for one step of a story.

import { asText, make, share } from "../../dom.js";
import { Combobox } from "../parts/combobox.js";

const KINDS = { action: "Action", slot: "Slot is set", user: "User says", loop: "Form" };
export const LISTEN = "action_listen";

/**
 * The form for a step.
 *
 * @param {import("../teaching.js").Teaching} teaching
 * @param {Object} given
 * @param {import("./steps.js").Step} given.step
 * @param {string} given.title
 * @param {Map<string, number>} [given.scores]  of actions, by the policies
 * @param {(step: import("./steps.js").Step) => void} given.save
 * @param {() => void} given.cancel
 */
export class StepForm {
  constructor(teaching, { step, title, scores = new Map(), save, cancel }) {
    this.project = teaching.project;
    this.scores = scores;
    this.step = { entities: [], value: null, ...step };
    this.kind = make(
      "select",
      { id: "step-kind" },
      ...Object.entries(KINDS).map(([kind, name]) => make("option", { value: kind, selected: kind === step.kind }, name)),
    );
    this.kind.addEventListener("change", () => {
      this.step = { kind: this.kind.value, name: "", value: null, entities: [] };
      this.#draw();
    });
    this.place = make("div.kind-fields");
    this.problem = make("p.problem", { role: "alert" });
    this.element = make(
      "form.step-form",
      { "aria-label": title },
      make("p.what", {}, title),
      make("div.fields", {}, make("div.choose", {}, make("label", { for: "step-kind" }, "Kind of step"), this.kind), this.place),
      this.problem,
      make(
        "div.choices",
        {},
        make("button.plain", { type: "button", onclick: cancel }, "Cancel"),
        make("button.second", { type: "submit" }, "Use this step"),
      ),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      const problem = this.#missing();
      this.problem.textContent = problem;
      if (problem) this.focus();
      else save(this.#made());
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      cancel();
    });
    this.#draw();
  }

  focus() {
    this.name.focus();
  }

  #draw() {
    const { kind } = this.step;
    const labels = { action: "Action", slot: "Slot", user: "Intent", loop: "Form" };
    this.name = new Combobox({
      label: labels[kind],
      choices: () => this.#choices(),
      value: this.step.name ?? "",
      newNote: { action: "new action", user: "new intent" }[kind] ?? "",
      placeholder: kind === "loop" ? "none: the form ends" : null,
      change: (name) => {
        this.step.name = name;
        this.problem.textContent = "";
        if (kind === "slot") this.#drawValue();
      },
    });
    this.valuePlace = make("div.choose");
    this.place.replaceChildren(this.name.element, ...(kind === "slot" ? [this.valuePlace] : []));
    if (kind === "slot") this.#drawValue();
    if (kind === "user" && this.step.entities.length) this.place.append(this.#entities());
  }

  #choices() {
    const named = (list) => list.map((one) => (typeof one === "string" ? { name: one } : one));
    if (this.step.kind === "slot") return this.project.slots.map(({ name, type }) => ({ name, note: type }));
    if (this.step.kind === "user") return named(this.project.intents);
    if (this.step.kind === "loop") return named(this.project.forms);
    const { scores } = this;
    const scored = [...scores].sort(([, a], [, b]) => b - a).map(([name, score]) => ({ name, note: share(score) }));
    const others = this.project.actions.filter((name) => !scores.has(name) && name !== LISTEN);
    const listen = scores.has(LISTEN) ? [] : [{ name: LISTEN, note: "waits for the user" }];
    return [...scored, ...listen, ...named(others)];
  }

  /** The field for a slot's value: a choice where its values are known, else a text that may be JSON. */
  #drawValue() {
    const slot = this.project.slots.find(({ name }) => name === this.step.name);
    const known = slot?.type === "bool" ? ["true", "false"] : (slot?.values ?? []);
    const label = make("label", { for: "step-value" }, "Value");
    const now = this.step.value === null ? "" : typeof this.step.value === "string" ? this.step.value : JSON.stringify(this.step.value);
    if (known.length) {
      const texts = [...new Set(["", ...known.map(asText), now])];
      this.value = make("select", { id: "step-value" }, ...texts.map((text) => make("option", { value: text, selected: text === now }, text || "not set")));
    } else {
      this.value = make("input", { id: "step-value", dir: "auto", autocomplete: "off", placeholder: "not set" });
      this.value.value = now;
    }
    this.valuePlace.replaceChildren(label, this.value);
  }

  /** Entities of a message, which can be left out. */
  #entities() {
    const rows = this.step.entities.map((entity) => {
      const box = make("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => (entity.isOut = !box.checked));
      return make("label.entity-choice", {}, box, make("bdi", {}, `${entity.entity}: ${asText(entity.value)}`));
    });
    return make("fieldset.entity-choices", {}, make("legend", {}, "Entities"), ...rows);
  }

  #missing() {
    const isFree = this.step.kind === "loop" || (this.step.kind === "user" && this.step.said);
    return this.step.name || isFree ? "" : "Choose what the step is.";
  }

  #made() {
    const { kind, name, entities, said } = this.step;
    if (kind === "slot") return { kind, name, value: this.#slotValue() };
    if (kind === "loop") return { kind, name: name || null };
    if (kind !== "user") return { kind, name };
    const left = entities.filter((entity) => !entity.isOut).map(({ entity, value, role, group }) => ({ entity, value, role, group }));
    return { kind, name, said, entities: left };
  }

  /** A text for slots of texts; else JSON where it is such, so that 5 is a number and true is true. */
  #slotValue() {
    const text = this.value.value.trim();
    if (!text) return null;
    const type = this.project.slots.find(({ name }) => name === this.step.name)?.type;
    if (type === "text" || type === "categorical") return text;
    try {
      return JSON.parse(text);
    } catch {
      return type === "list" ? text.split(",").map((part) => part.trim()).filter(Boolean) : text;
    }
  }
}
