// The right side: what was understood of a message, and what the assistant did then.

import { actionList } from "./actions.js";
import { bars } from "./bars.js";
import { canBeCorrected } from "./bubbles.js";
import { asText, count, hidden, make } from "./dom.js";
import { entityList, markedSentence } from "./sentence.js";
import { Timeline } from "./timeline.js";

const MOST_INTENTS = 5;

export class Understood {
  /**
   * @param {HTMLElement} place
   * @param {{correctMessage: () => void, correctDialogue: (action: number|null) => void}} listener  of
   *   the turn that is shown; its buttons are seen where the server teaches
   */
  constructor(place, listener) {
    this.place = place;
    this.listener = listener;
    this.reset();
  }

  /** Forget the events of the conversation that was shown. */
  reset() {
    this.timeline = new Timeline();
    this.timelineCard = card("Timeline", "timeline-card", this.timeline.list);
  }

  /** Show a turn of a conversation; with none there is nothing to show yet. */
  show(conversation, turn) {
    this.timeline.show(conversation.events, turn);
    if (!turn) {
      this.place.replaceChildren(
        make("p.nothing", {}, "Nothing has been said yet. Intents, entities, slots, actions and events will be here."),
      );
      return;
    }
    const parse = turn.user?.parse_data ?? {};
    this.place.replaceChildren(
      ...[
        problems(turn),
        turn.user && messageCard(turn.user, parse, this.listener),
        turn.user && intentCard(parse),
        slotCard(turn),
        actionCard(turn.actions, this.listener),
        this.timelineCard,
      ].filter(Boolean),
    );
  }

  /** Say that the stored conversation could not be had. */
  showFailure(message, retry) {
    const again = make("button.plain", { type: "button", onclick: retry }, "Try again");
    this.place.replaceChildren(make("div.problem", { role: "alert" }, make("p", { dir: "auto" }, message), again));
  }
}

/** A part of the page with a title. */
function card(title, name, ...content) {
  return make(
    `section.card.${name}`,
    { "aria-label": title },
    make("header", {}, make("h3", {}, title)),
    ...content.filter(Boolean),
  );
}

function problems(turn) {
  const failed = turn.actions.filter((action) => action.problem);
  if (!failed.length) return null;
  const names = failed.map((action) => action.name).join(", ");
  return make("p.problem", { dir: "auto" }, `${count(failed.length, "action")} failed: ${names}`);
}

/** A button in the head of a part, which begins a correction of what the part shows. */
function withButton(part, text, work) {
  part.firstElementChild.append(make("button.correct.teaches", { type: "button", onclick: work }, "Correct", hidden(` ${text}`)));
  return part;
}

function actionCard(actions, { correctDialogue }) {
  const part = card("Actions", "actions-card", actionList(actions, correctDialogue));
  return withButton(part, "the dialogue", () => correctDialogue(null));
}

function messageCard(user, parse, { correctMessage }) {
  const entities = parse.entities ?? [];
  const text = user.text ?? "";
  const part = card(
    "Message",
    "message-card",
    text ? markedSentence(text, entities) : make("p.none", {}, "It has no text."),
    entities.length ? entityList(entities) : make("p.none", {}, "No entities."),
  );
  return canBeCorrected(user) ? withButton(part, "the message", correctMessage) : part;
}

function intentCard(parse) {
  const ranking = parse.intent_ranking?.length ? parse.intent_ranking : [parse.intent].filter((x) => x?.name);
  const best = parse.intent?.name;
  const rows = ranking.slice(0, MOST_INTENTS).map((intent) => ({
    name: intent.name ?? "",
    value: intent.confidence,
    isMain: intent.name === best,
  }));
  return card(
    "Intent",
    "intent-card",
    rows.length ? bars(rows, "Intents") : make("p.none", {}, "No intent."),
  );
}

function slotCard(turn) {
  const names = Object.keys(turn.slots);
  const shown = names.filter((name) => isValue(turn.slots[name]) || turn.changed.has(name));
  shown.sort((a, b) => turn.changed.has(b) - turn.changed.has(a));
  const empty = names.filter((name) => !shown.includes(name));
  return card(
    "Slots",
    "slot-card",
    shown.length > 0 && make("ul.slots", { "aria-label": "Slots" }, ...shown.map((name) => slotRow(name, turn))),
    empty.length > 0 && make("p.none", { dir: "auto" }, `Not set: ${empty.join(", ")}`),
    !names.length && make("p.none", {}, "This assistant has no slots."),
  );
}

function slotRow(name, turn) {
  const isChanged = turn.changed.has(name);
  const before = turn.changed.get(name);
  const hadValue = isChanged && isValue(before);
  return make(
    isChanged ? "li.changed" : "li",
    {},
    make("span.name", { dir: "auto" }, name),
    make(
      "span.value",
      {},
      hadValue && make("del", {}, hidden("was "), make("bdi", {}, asText(before))),
      hadValue && " ",
      isChanged && hidden("now "),
      make("bdi", {}, valueText(turn.slots[name])),
    ),
    isChanged && make("span.badge", {}, "changed"),
  );
}

function isValue(value) {
  return value !== null && value !== undefined;
}

function valueText(value) {
  return isValue(value) ? asText(value) : "not set";
}
