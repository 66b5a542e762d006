// A group of the inbox: one text, those that are alike, and what the model says of it.

import { bars } from "../bars.js";
import { count, hidden, make, share } from "../dom.js";
import { markedSentence } from "../sentence.js";
import { moment } from "./words.js";

const MOST_INTENTS = 3;
const MOST_MESSAGES = 20;
const NO_ANSWER = "nlu_fallback";

const SHORT = {
  low_confidence: "unsure",
  small_margin: "close call",
  fallback: "fallback",
  disagreement: "policies disagree",
  unlike_training: "unlike training",
  often: "often",
  typical: "typical",
};

let nRows = 0;

/** The intent that the model gives a text; null where it gives none. */
export function answerOf(parse) {
  const intent = parse?.intent;
  return intent?.name && intent.name !== NO_ANSWER ? intent : null;
}

export class GroupRow {
  /**
   * @param {Object} group  as the server has it
   * @param {{choose: Function, accept: Function, correct: Function, dismiss: Function}} listener
   *   called with this row
   */
  constructor(group, listener) {
    nRows += 1;
    this.group = group;
    this.listener = listener;
    const entities = group.parse?.entities ?? [];
    const said = make("div.said", { id: `group-${nRows}` }, markedSentence(group.text, entities));
    const facts = make(
      "p.facts",
      { id: `group-${nRows}-facts` },
      intentText(answerOf(group.parse)),
      group.n_messages > 1 && make("span.alike", {}, `${group.n_messages} alike`),
      ...(group.reasons ?? []).map(chip),
    );
    this.more = make("div.more", { hidden: true });
    this.element = make(
      "article.group",
      {
        tabindex: -1,
        "aria-labelledby": said.id,
        "aria-describedby": facts.id,
        onclick: () => listener.choose(this),
      },
      said,
      facts,
      this.more,
    );
  }

  /** Show all of it, or only its first lines. */
  setCurrent(isCurrent) {
    this.element.classList.toggle("current", isCurrent);
    this.element.tabIndex = isCurrent ? 0 : -1;
    if (isCurrent && !this.more.childElementCount) this.more.append(...this.#details());
    this.more.hidden = !isCurrent;
  }

  /** Say which of how many it is. */
  setPlace(number, total) {
    this.element.setAttribute("aria-posinset", number);
    this.element.setAttribute("aria-setsize", total);
  }

  /** Say that something did not work; null takes it away. */
  setFailure(message) {
    this.failure?.remove();
    this.failure = null;
    if (message === null) return;
    this.failure = make("p.problem", { role: "alert", dir: "auto" }, message);
    this.element.append(this.failure);
  }

  #details() {
    const { reasons = [], parse } = this.group;
    const best = parse?.intent?.name;
    const ranking = (parse?.intent_ranking ?? []).slice(0, MOST_INTENTS);
    const rows = ranking.map(({ name, confidence }) => ({
      name: name ?? "",
      value: confidence,
      isMain: name === best,
    }));
    return [
      reasons.length &&
        make(
          "ul.reasons",
          { "aria-label": "Why it is here" },
          ...reasons.map((reason) => make("li", {}, chip(reason), " ", make("span", { dir: "auto" }, reason.text))),
        ),
      rows.length && bars(rows, "Intents"),
      this.#alike(),
      this.#buttons(),
    ].filter(Boolean);
  }

  #alike() {
    const { n_messages: n, messages = [] } = this.group;
    if (messages.length < 2) return null;
    const shown = messages.slice(0, MOST_MESSAGES);
    const rest = n - shown.length;
    return make(
      "details.messages",
      {},
      make("summary", {}, `${n} messages are alike`),
      make("ul", { "aria-label": "Messages that are alike" }, ...shown.map(messageRow)),
      rest > 0 && make("p.none", {}, `and ${count(rest, "more message")}`),
    );
  }

  #buttons() {
    const answer = answerOf(this.group.parse);
    const act = (name) => (event) => {
      event.stopPropagation();
      this.listener[name](this);
    };
    return make(
      "div.acts",
      {},
      answer &&
        make(
          "button.act.strong",
          { type: "button", "aria-keyshortcuts": "a", onclick: act("accept") },
          make("span", { dir: "auto" }, `Accept ${answer.name}`),
          key("a"),
        ),
      make(
        "button.act",
        { type: "button", "aria-keyshortcuts": "c", onclick: act("correct") },
        "Correct",
        key("c"),
      ),
      make(
        "button.act",
        { type: "button", "aria-keyshortcuts": "d", onclick: act("dismiss") },
        "Dismiss",
        key("d"),
      ),
    );
  }
}

/** What the keys do at a group. */
export function keysLine() {
  const hint = (names, does) =>
    make("span", {}, ...names.flatMap((name) => [make("kbd", {}, name), " "]), does);
  return make(
    "p.keys",
    {},
    hint(["↑", "↓"], "move"),
    hint(["a"], "accepts what the model says"),
    hint(["c"], "corrects"),
    hint(["d"], "dismisses"),
    hint(["u"], "undoes"),
  );
}

function chip({ kind }) {
  return make("span.chip", {}, SHORT[kind] ?? String(kind).replaceAll("_", " "));
}

function key(name) {
  return make("kbd", { "aria-hidden": "true" }, name);
}

function intentText(intent) {
  if (!intent) return make("span.intent.no-answer", {}, "no answer");
  return make(
    "span.intent",
    {},
    hidden("The model says "),
    make("bdi", {}, intent.name),
    " ",
    make("span.number", {}, share(intent.confidence)),
  );
}

function messageRow({ text, intent, confidence, when }) {
  return make(
    "li",
    {},
    make("span.text", { dir: "auto" }, text),
    make(
      "span.facts",
      {},
      intent && make("bdi", {}, intent),
      make("span.number", {}, share(confidence)),
      moment(when),
    ),
  );
}
