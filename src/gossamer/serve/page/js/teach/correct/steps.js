// From the events of a conversation to the steps of a story.

import { asText } from "../../dom.js";

/**
 * A step as the page has it.
 *
 * @typedef {Object} Step
 * @property {"user"|"action"|"slot"|"loop"|"bot"} kind
 * @property {string|null} name  intent, action, slot, form (null: it ends); text of a bot's step
 * @property {*} [value]  of a slot
 * @property {Object[]} [entities]  entity, value, role, group
 * @property {string} [said]  what the user said, for readers
 * @property {Object} [event]  from which a user's step was made, with its place in the conversation, `number`
 */

const NOT_TOLD = ["action_listen", "action_session_start", "action_unlikely_intent", "action_extract_slots"];
const OWN_SLOTS = ["requested_slot", "session_started_metadata", "return_value", "dialogue_stack"];

/**
 * What happened, as steps. What was taken back is left out, what was before a restart, too.
 *
 * @param {Object[]} events
 * @param {Set<string>} unseenSlots  slots that no policy looks at
 * @param {(number: number) => Object|null} correctionOf  what was taught of the message with this number
 * @returns {Step[]}
 */
export function stepsOf(events, unseenSlots, correctionOf) {
  let steps = [];
  const values = new Map();
  for (const [number, event] of events.entries()) {
    if (event.event === "restart" || event.event === "session_started") {
      steps = [];
      values.clear();
    } else if (event.event === "rewind") {
      steps = steps.slice(0, Math.max(0, steps.findLastIndex(({ kind }) => kind === "user")));
    } else if (event.event === "undo") {
      steps = steps.slice(0, Math.max(0, steps.findLastIndex(({ kind }) => kind === "action" || kind === "bot")));
    } else if (event.event === "user") {
      steps.push(userStep({ ...event, number }, correctionOf));
    } else if (event.event === "action" && event.name && !NOT_TOLD.includes(event.name)) {
      steps.push({ kind: "action", name: event.name });
    } else if (event.event === "action" && !event.name && event.action_text) {
      steps.push({ kind: "bot", name: event.action_text });
    } else if (event.event === "slot" && !OWN_SLOTS.includes(event.name) && !unseenSlots.has(event.name)) {
      const isSame = JSON.stringify(values.get(event.name) ?? null) === JSON.stringify(event.value ?? null);
      values.set(event.name, event.value);
      if (!isSame) steps.push({ kind: "slot", name: event.name, value: event.value ?? null });
    } else if (event.event === "active_loop") {
      steps.push({ kind: "loop", name: event.name ?? null });
    }
  }
  return steps;
}

/** The step of a user's message: as it was taught, else as the model understood it. */
export function userStep(event, correctionOf) {
  const correction = correctionOf(event.number);
  const parse = event.parse_data ?? {};
  const found = correction ? correction.entities.map((one) => ({ value: wordsOf(correction, one), ...one })) : (parse.entities ?? []);
  const entities = found
    .filter(({ value }) => typeof value === "string" || typeof value === "number")
    .map(({ entity, value, role, group }) => ({ entity, value, role, group }));
  return { kind: "user", name: correction?.intent ?? parse.intent?.name ?? "", entities, said: event.text ?? "", event };
}

function wordsOf({ text }, { start, end }) {
  return Array.from(text).slice(start, end).join("");
}

/**
 * Where the events of an action begin.
 *
 * @param {Object} turn
 * @param {number|null} action  its number in the turn
 * @returns {number}  how many of the turn's events were before it; all of them with null
 */
export function eventsBefore(turn, action) {
  if (action === null) return turn.events.length;
  let place = turn.user ? turn.events.findIndex((event) => event.event === "user") + 1 : 0;
  for (const [i, { name }] of turn.actions.entries()) {
    const found = turn.events.findIndex(
      (event, at) => at >= place && event.event === "action" && (event.name ?? event.action_text) === name,
    );
    if (i === action) return found < 0 ? place : found;
    if (found >= 0) place = found + 1;
  }
  return place;
}

/** A step as the server takes it. */
export function stepJson({ kind, name, value, entities, said }) {
  if (kind === "action") return { action: name };
  if (kind === "bot") return { bot: name };
  if (kind === "slot") return { slot_was_set: { [name]: value } };
  if (kind === "loop") return { active_loop: name };
  if (!name) return { user: said }; // a text without an intent, in end-to-end learning
  const named = entities.map((entity) => Object.fromEntries(Object.entries(entity).filter(([, part]) => part)));
  return named.length ? { intent: name, entities: named } : { intent: name };
}

/** A step in a few words: its kind, and the rest. */
export function stepText(step) {
  if (step.kind === "user") {
    const entities = step.entities.map(({ entity, value }) => `${entity} ${asText(value)}`).join(", ");
    return { kind: "User", text: step.name || step.said, more: [entities, step.said && `“${step.said}”`].filter(Boolean).join(" · ") };
  }
  if (step.kind === "slot") return { kind: "Slot", text: step.name, more: `is ${step.value === null ? "not set" : asText(step.value)}` };
  if (step.kind === "loop") return { kind: "Form", text: step.name ?? "ends", more: step.name ? "begins" : "" };
  return { kind: step.kind === "bot" ? "Text" : "Action", text: step.name, more: "" };
}
