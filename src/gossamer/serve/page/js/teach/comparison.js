// What the new model does better and worse than the one in service, sentence by sentence.

import { asText, make, share } from "../dom.js";
import { markedSentence } from "../sentence.js";
import { duration } from "./words.js";

const FIRST = 8; // sentences that are shown before one asks for more

const NAMES = {
  taught: "All that was ever taught",
  test_messages: "Test messages",
  test_stories: "Test stories",
};

/** The comparison in a sentence. */
export function verdict(comparison) {
  const better = comparison?.better?.length ?? 0;
  const worse = comparison?.worse?.length ?? 0;
  if (!better && !worse) return "Nothing got better, and nothing worse.";
  return `${better} got better, ${worse} got worse.`;
}

/**
 * The comparison as cards.
 *
 * @param {Object} comparison
 * @param {Node} decision  goes below the summary
 */
export function comparisonCards(comparison, decision) {
  const {
    better = [],
    worse = [],
    still_wrong: wrong = [],
    summary = {},
    seconds = {},
    trained = [],
  } = comparison;
  return [
    card(
      "Before and after",
      make("p.verdict", { tabindex: -1 }, verdict(comparison)),
      summaryTable(summary),
      make("p.none", {}, secondsText(seconds)),
      trained.length > 0 &&
        make(
          "details",
          {},
          make("summary", {}, "What was trained, and why"),
          make("ul.trained", {}, ...trained.map((line) => make("li", { dir: "auto" }, line))),
        ),
      decision,
    ),
    card("Worse", ...changes(worse, "After")),
    card("Better", ...changes(better, "Before")),
    wrong.length > 0 && card("Taught, and still wrong", ...changes(wrong, "After")),
  ].filter(Boolean);
}

function card(title, ...content) {
  return make(
    `section.card.${title.split(" ")[0].toLowerCase()}`,
    { "aria-label": title },
    make("header", {}, make("h3", {}, title)),
    ...content.filter(Boolean),
  );
}

// ---- the summary ------------------------------------------------------------------------------

function summaryTable(summary) {
  const rows = Object.keys(NAMES).filter((name) => summary[name]);
  if (!rows.some((name) => summary[name].n)) {
    return make(
      "p.none",
      {},
      "The project has no test data, and nothing was taught: there is nothing to compare with.",
    );
  }
  const head = ["Right", "before", "after", "change"];
  return make(
    "table.before-after",
    {},
    make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows.map((name) => summaryRow(NAMES[name], summary[name]))),
  );
}

function summaryRow(name, { n, before, after }) {
  const change = after - before;
  const kind = change > 0 ? ".up" : change < 0 ? ".down" : "";
  const changed = change > 0 ? `+${change}` : change < 0 ? `\u2212${-change}` : "\u00b10";
  const of = (right) => make("td.number", {}, n ? `${right} of ${n}` : "none");
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, name),
    of(before),
    of(after),
    make(`td.number.change${kind}`, {}, n ? changed : ""),
  );
}

function secondsText(seconds) {
  const parts = Object.entries(seconds).filter(([, value]) => typeof value === "number");
  return parts.map(([name, value]) => `${name.replaceAll("_", " ")} ${duration(value)}`).join(" · ");
}

// ---- sentence by sentence -----------------------------------------------------------------------

/** `wrong` says which of the two outcomes is the wrong one: "Before" or "After". */
function changes(list, wrong) {
  if (!list.length) return [make("p.none", {}, "None.")];
  const changeRow = (change) => changeItem(change, wrong);
  const rows = make("ul.differences", {}, ...list.slice(0, FIRST).map(changeRow));
  const rest = list.slice(FIRST);
  const more = rest.length > 0 && make("button.act", { type: "button" }, `Show ${rest.length} more`);
  if (more) {
    more.addEventListener("click", () => {
      const added = rest.map(changeRow);
      rows.append(...added);
      added[0].tabIndex = -1;
      added[0].focus();
      more.remove();
    });
  }
  return [rows, more];
}

function changeItem({ kind, text, expected, before, after }, wrong) {
  const outcomes = { Expected: expected, Before: before, After: after };
  return make(
    "li",
    {},
    kind === "story"
      ? make("p.sentence", { dir: "auto" }, make("span.quiet", {}, "Story: "), text)
      : markedSentence(text, expected?.entities ?? []),
    make(
      "dl",
      {},
      ...Object.entries(outcomes).map(([name, what]) =>
        make(
          name === wrong ? "div.wrong" : "div",
          {},
          make("dt", {}, name),
          make(
            "dd",
            { dir: "auto" },
            ...(kind === "story" ? [storyText(what, name === "Expected")] : messageParts(what, text)),
          ),
        ),
      ),
    ),
  );
}

function storyText(what, isExpected) {
  if (!what) return "no model";
  if (isExpected) return (what.actions ?? []).join(", ");
  if (what.error) return what.error;
  const errors = (what.errors ?? []).map(
    ({ expected, found }) => `${found ?? "nothing"} instead of ${expected}`,
  );
  return errors.length ? errors.join("; ") : "as expected";
}

function messageParts(what, text) {
  const parts = [
    make(
      "span.intent-said",
      {},
      make("bdi", {}, what ? (what.intent ?? "no answer") : "no model"),
      " ",
      make("span.number", {}, share(what?.confidence)),
    ),
  ];
  const letters = Array.from(text);
  for (const entity of what?.entities ?? []) {
    const label = [entity.entity, entity.role, entity.group].filter(Boolean).join(" · ");
    const words = letters.slice(entity.start, entity.end).join("") || asText(entity.value ?? "");
    parts.push(" ", make("span.entity", {}, make("bdi", {}, words), " ", make("bdi.kind", {}, label)));
  }
  return parts;
}
