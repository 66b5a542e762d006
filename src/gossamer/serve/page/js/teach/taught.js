// What was taught, a line each.

import { make } from "../dom.js";
import { markedSentence } from "../sentence.js";
import { moment } from "./words.js";

const FIRST = 5; // corrections that are shown before one asks for more

/** @param {Object[]} corrections  as the server has them: `correction`, `who`, `when` */
export function taughtList(corrections) {
  const list = (some) => make("ul.taught-list", { "aria-label": "Taught" }, ...some.map(taughtRow));
  const rest = corrections.slice(FIRST);
  const more = rest.length > 0 && make("details", {}, make("summary", {}, `${rest.length} more`), list(rest));
  return make("div", {}, list(corrections.slice(0, FIRST)), more);
}

function taughtRow({ correction, who, when }) {
  const isMessage = correction?.kind === "message";
  return make(
    "li",
    {},
    isMessage
      ? markedSentence(correction.text, correction.entities ?? [])
      : make("p.sentence", { dir: "auto" }, correction ? correction.name : "Its text was erased."),
    make(
      "p.facts",
      {},
      correction && make("span.intent", { dir: "auto" }, isMessage ? correction.intent : "story"),
      who && make("span", { dir: "auto" }, who),
      moment(when),
    ),
  );
}
