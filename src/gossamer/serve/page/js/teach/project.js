// The project's names as the page uses them. Only this file knows how the server tells them.

import { count } from "../dom.js";

/**
 * @typedef {Object} Project
 * @property {{name: string, nExamples: number, note: string}[]} intents  `note`: the number in words
 * @property {{name: string, note: string, roles: string[], groups: string[], values: string[]}[]} entities
 * @property {string[]} actions  responses and forms among them
 * @property {{name: string, type: string, values: *[]}[]} slots
 * @property {string[]} forms
 * @property {string} outOfScope  the intent of texts that are out of scope
 */

/** @returns {Project} */
export function projectOf(description) {
  const names = (key) => (description[key] ?? []).map(nameOf);
  const actions = [...names("actions"), ...names("responses"), ...names("forms")];
  return {
    intents: (description.intents ?? []).map((intent) => ({
      name: nameOf(intent),
      nExamples: intent.n_examples ?? 0,
      note: count(intent.n_examples ?? 0, "example"),
    })),
    entities: (description.entities ?? []).map((entity) => ({
      name: nameOf(entity),
      note: entity.n_mentions === undefined ? "" : count(entity.n_mentions, "mention"),
      roles: entity.roles ?? [],
      groups: entity.groups ?? [],
      values: entity.values ?? [],
    })),
    actions: [...new Set(actions)],
    slots: (description.slots ?? []).map((slot) => ({
      name: nameOf(slot),
      type: slot.type ?? "any",
      values: slot.values ?? [],
    })),
    forms: names("forms"),
    outOfScope: description.out_of_scope?.name ?? description.out_of_scope ?? "out_of_scope",
  };
}

function nameOf(one) {
  return typeof one === "string" ? one : one.name;
}
