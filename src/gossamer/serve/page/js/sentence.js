// A sentence with its entities marked. Entities may overlap: each has a line of its own below.

import { asText, hidden, make, share } from "./dom.js";

const N_HUES = 6;

/** The same colour for a type in the whole page: by the order in which types were met. */
const hues = new Map();

/** The class of a type's colour. */
export function hueOf(type) {
  if (!hues.has(type)) hues.set(type, hues.size % N_HUES);
  return `hue-${hues.get(type)}`;
}

/** "city", with role or group: "city · departure". */
export function labelOf(entity) {
  return [entity.entity, entity.role, entity.group].filter(Boolean).join(" · ");
}

/**
 * The sentence.
 *
 * @param {string} text
 * @param {Object[]} entities  `start` and `end` count characters (code points), as in Python
 */
export function markedSentence(text, entities) {
  const letters = Array.from(text);
  const placed = inLanes(entities.filter((entity) => isInside(entity, letters.length)));
  const cuts = new Set([0, letters.length, ...placed.flatMap(({ entity }) => [entity.start, entity.end])]);
  const edges = [...cuts].sort((a, b) => a - b);
  const overlaps = placed.some(({ lane }) => lane > 0) ? ".overlaps" : "";
  const sentence = make(`p.sentence${overlaps}`, { dir: "auto" });
  for (let i = 0; i + 1 < edges.length; i += 1) {
    const [start, end] = [edges[i], edges[i + 1]];
    const over = placed.filter(({ entity }) => entity.start <= start && end <= entity.end);
    sentence.append(piece(letters.slice(start, end).join(""), over, { start, end }));
  }
  return sentence;
}

function isInside({ start, end }, length) {
  return Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= length;
}

/** Entities with the line below the text on which each is free of others. */
function inLanes(entities) {
  const ends = [];
  const ordered = [...entities].sort((a, b) => a.start - b.start || b.end - a.end);
  return ordered.map((entity) => {
    let lane = ends.findIndex((end) => end <= entity.start);
    if (lane < 0) lane = ends.length;
    ends[lane] = entity.end;
    return { entity, lane };
  });
}

/** A piece of text under the same entities throughout; labels are where an entity ends. */
function piece(text, over, { start, end }) {
  if (!over.length) return make("span", { "data-start": start }, text);
  const ending = over.filter(({ entity }) => entity.end === end);
  let inner = make("span.words", {}, text);
  const nLanes = Math.max(...over.map(({ lane }) => lane)) + 1;
  for (let lane = 0; lane < nLanes; lane += 1) {
    const here = over.find((placed) => placed.lane === lane);
    inner = make(`span.lane.${here ? hueOf(here.entity.entity) : "free"}`, {}, inner);
    inner.style.setProperty("--lane", lane);
  }
  const labels = ending.map(({ entity }) =>
    make(`span.label.${hueOf(entity.entity)}`, {}, hidden(" ("), labelOf(entity), hidden(") ")),
  );
  const isJoined = (place) => over.some(({ entity }) => entity.start < place && place < entity.end);
  const sides = (isJoined(start) ? ".joins-before" : "") + (isJoined(end) ? ".joins-after" : "");
  const first = [...over].sort((a, b) => a.lane - b.lane)[0].entity;
  return make(`mark.${hueOf(first.entity)}${sides}`, { "data-start": start }, inner, ...labels);
}

/** What is known of each entity. */
export function entityList(entities) {
  return make("ul.entities", { "aria-label": "Entities" }, ...entities.map(entityRow));
}

function entityRow(entity) {
  const facts = [
    ["role", entity.role],
    ["group", entity.group],
    ["found by", entity.extractor],
    ["changed by", entity.processors?.join(", ")],
    ["confidence", share(entity.confidence_entity ?? entity.confidence)],
  ].filter(([, value]) => value);
  return make(
    "li",
    {},
    make(`span.label.${hueOf(entity.entity)}`, { dir: "auto" }, entity.entity),
    make("span.value", { dir: "auto" }, asText(entity.value ?? null)),
    make(
      "dl",
      {},
      ...facts.map(([name, value]) =>
        make("div", {}, make("dt", {}, name), make("dd", { dir: "auto" }, String(value))),
      ),
    ),
  );
}
