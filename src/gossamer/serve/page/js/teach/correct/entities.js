// Entities of a message: what is marked, and the form in which one is described.

import { hidden, make } from "../../dom.js";
import { hueOf, labelOf } from "../../sentence.js";
import { Combobox } from "../parts/combobox.js";
import { lettersOf } from "../parts/letters.js";

/** Extractors that are not trained with the project's examples. */
const NOT_TRAINED = ["DucklingEntityExtractor", "SpacyEntityExtractor"];

/** What the model found, as annotations that an example can have: none overlaps another. */
export function entitiesOf(text, found) {
  const isPlaced = ({ start, end }) => Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start < end;
  const ordered = found
    .filter((entity) => isPlaced(entity) && !NOT_TRAINED.includes(entity.extractor))
    .sort((a, b) => b.end - b.start - (a.end - a.start) || a.start - b.start);
  const taken = [];
  for (const { start, end, entity, value, role, group } of ordered) {
    if (taken.some((other) => start < other.end && other.start < end)) continue;
    taken.push({
      start,
      end,
      entity,
      value: valueOf(value, lettersOf(text, start, end)),
      role: role ?? "",
      group: group ?? "",
    });
  }
  return taken.sort((a, b) => a.start - b.start);
}

/** "" where the value is the text itself. */
function valueOf(value, words) {
  const isPlain = typeof value === "string" || typeof value === "number";
  return isPlain && String(value) !== words ? value : "";
}

/** Entities as the server takes them: what is empty is left out. */
export function entitiesJson(entities) {
  return entities.map((entity) => Object.fromEntries(Object.entries(entity).filter(([, part]) => part !== "")));
}

/**
 * The list of entities that are marked.
 *
 * @param {string} text
 * @param {Object[]} entities
 * @param {{edit: (number: number) => void, remove: (number: number) => void}} listener
 */
export function markedList(text, entities, listener) {
  if (!entities.length) return make("p.none", {}, "No entities are marked.");
  const rows = entities.map((entity, i) => {
    const words = lettersOf(text, entity.start, entity.end);
    const button = (name, work) =>
      make("button.plain", { type: "button", onclick: work }, name, hidden(` ${entity.entity} `), hidden(words));
    return make(
      "li",
      {},
      make(
        "span.what-marked",
        {},
        make(`span.label.${hueOf(entity.entity)}`, { dir: "auto" }, labelOf(entity)),
        make("span.value", { dir: "auto" }, words),
        entity.value !== "" && make("span.means", {}, "means ", make("bdi", {}, String(entity.value))),
      ),
      make(
        "span.choices",
        {},
        button("Edit", () => listener.edit(i)),
        button("Remove", () => listener.remove(i)),
      ),
    );
  });
  return make("ul.entities.marked", { "aria-label": "Marked entities" }, ...rows);
}

/** The form for one entity. */
export class EntityForm {
  /**
   * @param {import("../teaching.js").Teaching} teaching
   * @param {Object} given
   * @param {string} given.words  what is marked
   * @param {Object} [given.entity]  what is known of it
   * @param {(entity: {entity: string, role: string, group: string, value: string|number}) => void} given.save
   * @param {() => void} given.cancel
   */
  constructor(teaching, { words, entity = {}, save, cancel }) {
    const types = teaching.project.entities;
    const typeNow = () => types.find(({ name }) => name === this.type.value);
    const named = (names) => names.map((name) => ({ name }));
    this.type = new Combobox({
      label: "Type",
      choices: () => types,
      value: entity.entity ?? "",
      newNote: "new type",
      change: () => (this.problem.textContent = ""),
    });
    this.role = new Combobox({
      label: "Role",
      choices: () => named(typeNow()?.roles ?? []),
      value: entity.role ?? "",
      newNote: "new role",
      placeholder: "none",
      change: () => {},
    });
    this.group = new Combobox({
      label: "Group",
      choices: () => named(typeNow()?.groups ?? []),
      value: entity.group ?? "",
      newNote: "new group",
      placeholder: "none",
      change: () => {},
    });
    const value = make("input", { id: "entity-value", dir: "auto", autocomplete: "off", placeholder: words });
    value.value = entity.value ?? "";
    this.problem = make("p.problem", { role: "alert" });
    this.element = make(
      "form.entity-form",
      { "aria-label": "Entity" },
      make("p.what", {}, entity.entity ? "Edit " : "Mark ", make("q", { dir: "auto" }, words), entity.entity ? "" : " as"),
      make(
        "div.fields",
        {},
        this.type.element,
        this.role.element,
        this.group.element,
        make("div.choose", {}, make("label", { for: "entity-value" }, "Value"), value),
      ),
      this.problem,
      make(
        "div.choices",
        {},
        make("button.plain", { type: "button", onclick: cancel }, "Cancel"),
        make("button.second", { type: "submit" }, entity.entity ? "Change" : "Mark"),
      ),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.type.value) {
        this.problem.textContent = "An entity needs a type.";
        this.type.focus();
        return;
      }
      const isSame = String(entity.value ?? "") === value.value; // a number stays one
      save({
        entity: this.type.value,
        role: this.role.value,
        group: this.group.value,
        value: isSame ? (entity.value ?? "") : value.value.trim() === words ? "" : value.value.trim(),
      });
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      cancel();
    });
  }

  focus() {
    this.type.focus();
  }
}
