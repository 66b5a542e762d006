// A message is corrected: its intent, its entities.

import { hidden, make, share } from "../../dom.js";
import { Combobox } from "../parts/combobox.js";
import { lettersOf } from "../parts/letters.js";
import { previewAndButtons } from "../parts/saving.js";
import { entitiesJson, entitiesOf, EntityForm, markedList } from "./entities.js";
import { Marking } from "./marking.js";

export class MessageForm {
  /**
   * @param {import("../teaching.js").Teaching} teaching
   * @param {{text: string, parse_data: Object, sender?: string}} message  an event of the user's, with
   *   the id of the conversation from which it comes
   * @param {{saved: (entry: Object, correction: Object) => void, cancel: () => void}} listener
   */
  constructor(teaching, { text, parse_data: parse, sender }, listener) {
    this.teaching = teaching;
    this.text = text;
    this.parse = parse ?? {};
    this.sender = sender;
    this.intent = this.#answered();
    this.entities = entitiesOf(this.text, this.parse.entities ?? []);
    this.range = null; // words that are selected
    this.form = null; // of the entity that is described
    const { preview, buttons } = previewAndButtons(teaching, () => this.correction(), listener);
    this.preview = preview;
    this.buttons = buttons;
    this.element = this.#build();
    this.#draw();
    this.#look();
  }

  /** What is taught, as the server takes it. */
  correction() {
    const { text, intent, sender } = this;
    return { kind: "message", text, intent, entities: entitiesJson(this.entities), sender_id: sender };
  }

  /** What the model says, as an intent of the project: with the key of a response, no fallback; else "". */
  #answered() {
    const name = this.parse.intent?.name;
    const selected = this.parse.response_selector ?? {};
    const full = (selected[name] ?? selected.default)?.response?.intent_response_key;
    const names = this.teaching.project.intents.map((intent) => intent.name);
    return [name, full].find((one) => names.includes(one)) ?? "";
  }

  /** Move the keyboard to what is most often wrong. */
  focus() {
    this.combobox.focus();
  }

  /** Show anew what would be written: the files may be others since. */
  refresh() {
    this.#look();
  }

  /** Ask the server for nothing more. */
  end() {
    this.preview.end();
  }

  #build() {
    this.combobox = new Combobox({
      label: "Intent",
      choices: () => this.#intents(),
      value: this.intent,
      newNote: "new intent",
      change: (name) => this.#setIntent(name),
    });
    this.outside = make(
      "button.second",
      { type: "button", "aria-pressed": "false", onclick: () => this.#toggleOutside() },
      "This is out of scope",
    );
    const edit = (number) => this.#edit(number);
    const remove = (number) => this.#remove(number);
    this.marking = new Marking(this.text, {
      select: (range) => this.#select(range),
      mark: () => this.form?.focus(),
      edit,
      remove,
    });
    this.listener = { edit, remove };
    this.formPlace = make("div");
    this.listPlace = make("div");
    return make(
      "div.correct-message",
      {},
      make("div.intent-row", {}, this.combobox.element, this.outside),
      make("h4", {}, "Entities"),
      this.marking.element,
      this.formPlace,
      this.listPlace,
      this.preview.element,
      this.buttons,
    );
  }

  /** The model's ranking first, then all others by name. */
  #intents() {
    const known = new Map(this.teaching.project.intents.map(({ name, note }) => [name, note]));
    const ranked = (this.parse.intent_ranking ?? []).filter(({ name }) => known.has(name));
    const first = ranked.map(({ name, confidence }) => ({
      name,
      note: `${known.get(name)} · model says ${share(confidence)}`,
    }));
    const names = new Set(ranked.map(({ name }) => name));
    const others = [...known].filter(([name]) => !names.has(name)).map(([name, note]) => ({ name, note }));
    return [...first, ...others];
  }

  #setIntent(name) {
    this.intent = name;
    this.#showOutside();
    this.#look();
  }

  #toggleOutside() {
    const { outOfScope } = this.teaching.project;
    const isOutside = this.intent === outOfScope;
    const back = this.#answered();
    this.combobox.set(isOutside ? (back === outOfScope ? "" : back) : outOfScope);
    this.#setIntent(this.combobox.value);
  }

  #showOutside() {
    this.outside.setAttribute("aria-pressed", String(this.intent === this.teaching.project.outOfScope));
  }

  #draw() {
    this.marking.show(this.entities, this.range);
    this.listPlace.replaceChildren(markedList(this.text, this.entities, this.listener));
    this.#showOutside();
  }

  #look() {
    if (this.intent) this.preview.show(this.correction());
    else this.preview.show(null, "Choose an intent.");
  }

  #select(range) {
    this.range = range;
    this.#draw();
    if (range) this.#describe({ range });
    else this.#endForm();
  }

  #edit(number) {
    this.range = null;
    this.#draw();
    const entity = this.entities[number];
    this.#describe({ range: entity, entity });
    this.form.focus();
  }

  /** Show the form for a place; an entity that is known is changed, one over others takes their place. */
  #describe({ range, entity }) {
    const words = lettersOf(this.text, range.start, range.end);
    const { start, end } = range;
    this.form = new EntityForm(this.teaching, {
      words,
      entity,
      save: (described) => {
        const others = this.entities.filter((other) => other.end <= start || end <= other.start);
        this.entities = [...others, { start, end, ...described }].sort((a, b) => a.start - b.start);
        this.teaching.tell(`${words}: ${described.entity}`);
        this.#endMarking();
      },
      cancel: () => {
        this.range = null;
        this.#draw();
        this.#endForm();
        this.marking.focus();
      },
    });
    const replaced = entity ? [] : this.entities.filter((other) => start < other.end && other.start < end);
    const names = replaced.map((other) => other.entity).join(", ");
    this.formPlace.replaceChildren(this.form.element, ...(names ? [make("p.none", {}, `It takes the place of: ${names}.`)] : []));
  }

  #remove(number) {
    const [gone] = this.entities.splice(number, 1);
    this.teaching.tell(`${gone.entity} taken out`);
    this.#endMarking();
  }

  #endMarking() {
    this.range = null;
    this.#endForm();
    this.#draw();
    this.marking.focus();
    this.#look();
  }

  #endForm() {
    this.form = null;
    this.formPlace.replaceChildren();
  }
}

/** What was taught of a message, in a line. */
export function messageLine({ text, intent, entities = [] }) {
  const names = entities.map((entity) => entity.entity).join(", ");
  return make(
    "p.taught-line",
    {},
    make("q", { dir: "auto" }, text),
    hidden(" is "),
    make("bdi.intent", {}, intent),
    names && make("span.with", {}, ` with ${names}`),
  );
}
