// What was taught, a line each.

import { make } from "../dom.js";
import { markedSentence } from "../sentence.js";
import { moment } from "./words.js";

/** @param {Object[]} corrections  as the server has them: `correction`, `who`, `when` */
export function taughtList(corrections) {
  return make("ul.taught", { "aria-label": "Taught" }, ...corrections.map(taughtRow));
}

function taughtRow({ correction, who, when }) {
  return make(
    "li",
    {},
    correction.kind === "message"
      ? markedSentence(correction.text, correction.entities ?? [])
      : make("p.sentence", { dir: "auto" }, correction.name ?? "A story"),
    make(
      "p.facts",
      {},
      make("span.intent", { dir: "auto" }, correction.kind === "message" ? correction.intent : "story"),
      who && make("span", { dir: "auto" }, who),
      moment(when),
    ),
  );
}
