// Which intents are taken for which: a list of mistakes, a grid of all, and the messages of each.

import { count, hidden, make, share } from "../dom.js";
import { percent } from "../teach/words.js";
import { Grid } from "./grid.js";
import { testedOn } from "./shown.js";

const NONE = "no answer";
const FIRST = 10; // mistakes that are listed

const nameOf = (intent) => intent ?? NONE;

export function drawConfusion(answer, teaching) {
  const { intents, cells, n_right: nRight, tested_on: tested } = answer;
  const n = tested?.n_messages ?? cells.reduce((sum, cell) => sum + cell.n, 0);
  const messages = make("section.card.messages-of", { "aria-label": "Messages", tabindex: -1, hidden: true });
  const open = (cell, opener) => showMessages(messages, cell, opener, tested, teaching);
  const mistakes = cells.filter((cell) => cell.expected !== cell.predicted).sort((a, b) => b.n - a.n);
  return [
    make("p.lead", {}, `${nRight} of ${n} right (${percent(n ? nRight / n : NaN)}).`),
    testedOn(answer),
    make(
      "div.confusions",
      {},
      make(
        "section.card",
        { "aria-label": "Mistakes" },
        make("header", {}, make("h3", {}, "Mistakes, most first")),
        mistakes.length ? mistakeList(mistakes, open) : make("p.none", {}, "There are none."),
      ),
      make(
        "section.card.grid-card",
        { "aria-label": "All intents" },
        make("header", {}, make("h3", { id: "grid-title" }, "Expected down, predicted across")),
        new Grid({ intents, cells, none: NONE, open }).element,
      ),
    ),
    messages,
  ];
}

function mistakeList(mistakes, open) {
  const row = (cell) => {
    const button = make(
      "button.mistake",
      { type: "button" },
      make("span.number", {}, String(cell.n)),
      make(
        "span",
        {},
        make("bdi", {}, nameOf(cell.expected)),
        make("span.quiet", {}, " taken for "),
        make("bdi", {}, nameOf(cell.predicted)),
      ),
    );
    button.addEventListener("click", () => open(cell, button));
    return make("li", {}, button);
  };
  const list = make("ul.mistakes", {}, ...mistakes.slice(0, FIRST).map(row));
  const rest = mistakes.slice(FIRST);
  if (!rest.length) return list;
  return make(
    "div",
    {},
    list,
    make(
      "details",
      {},
      make("summary", {}, `${rest.length} more`),
      make("ul.mistakes", {}, ...rest.map(row)),
    ),
  );
}

function showMessages(place, cell, opener, tested, teaching) {
  const { expected, predicted, n, messages } = cell;
  const isRight = expected === predicted;
  const close = make("button.act", { type: "button" }, "Close");
  const shut = () => {
    place.hidden = true;
    opener.focus();
  };
  close.addEventListener("click", shut);
  place.onkeydown = (event) => {
    if (event.key === "Escape") shut();
  };
  const title = isRight
    ? `${nameOf(expected)}, right`
    : `${nameOf(expected)}, taken for ${nameOf(predicted)}`;
  place.replaceChildren(
    make("header", {}, make("h3", { dir: "auto" }, title), close),
    tested?.kind !== "training" && !isRight
      ? make(
          "p.none",
          {},
          "These are test messages. What is taught of them no longer tests anything: teach others that are like them.",
        )
      : "",
    make("ul.cell-messages", {}, ...messages.map((message) => messageRow(message, expected, teaching))),
    n > messages.length ? make("p.none", {}, `and ${count(n - messages.length, "more message")}`) : "",
  );
  place.hidden = false;
  place.focus({ preventScroll: true });
  place.scrollIntoView({ block: "nearest" });
}

function messageRow({ text, confidence, where, parse }, expected, teaching) {
  const correct = make("button.act", { type: "button" }, "Correct", hidden(`: ${text}`));
  correct.addEventListener("click", async () => {
    const said = parse ?? { text, intent: { name: expected }, entities: [] };
    await teaching.corrector.text({ text, parse: said });
    correct.focus();
  });
  return make(
    "li",
    {},
    make("span.text", { dir: "auto" }, text),
    make(
      "span.facts",
      {},
      make("span.number", {}, share(confidence)),
      where && make("span", { dir: "auto" }, where),
    ),
    correct,
  );
}
