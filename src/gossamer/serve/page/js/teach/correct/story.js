// A dialogue is corrected: what was said and done up to a step, and what should have come then.

import { hidden, make } from "../../dom.js";
import { previewAndButtons } from "../parts/saving.js";
import { LISTEN, StepForm } from "./stepform.js";
import { eventsBefore, stepJson, stepsOf, stepText, userStep } from "./steps.js";

export class StoryForm {
  /**
   * @param {import("../teaching.js").Teaching} teaching
   * @param {Object} conversation
   * @param {Object} turn
   * @param {number|null} action  the number of the action that was wrong; null: none, the story is told to its end
   * @param {(turn: Object) => Object|null} correctionOf  what was taught of a turn's message
   * @param {{saved: (entry: Object, correction: Object) => void, cancel: () => void}} listener
   */
  constructor(teaching, conversation, turn, action, correctionOf, listener) {
    this.teaching = teaching;
    this.sender = conversation.id;
    const unseen = new Set(teaching.project.slots.filter(({ type }) => type === "any").map(({ name }) => name));
    const nBefore = turn.events[0].number + eventsBefore(turn, action);
    const turnAt = (number) => conversation.turns.find(({ user }) => user?.number === number);
    this.correctionOf = (number) => correctionOf(turnAt(number));
    this.steps = stepsOf(conversation.events.slice(0, nBefore), unseen, this.correctionOf);
    this.wrong = action === null ? null : turn.actions[action];
    this.form = null; // of the step that is written
    const { preview, buttons } = previewAndButtons(teaching, () => this.correction(), listener);
    this.preview = preview;
    this.name = make("input", { id: "story-name", dir: "auto", autocomplete: "off", maxlength: 200 });
    this.name.value = nameOf(conversation, this.steps);
    this.name.addEventListener("input", () => this.#look());
    this.list = make("ol.steps-list", { "aria-label": "Steps of the story" });
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.formPlace = make("div");
    this.add = make("button.second", { type: "button", onclick: () => this.#write(null) }, "Add a step");
    this.element = make(
      "div.correct-story",
      {},
      make("div.choose", {}, make("label", { for: "story-name" }, "Name of the story"), this.name),
      make("h4", {}, "What happened, and what should come then"),
      this.list,
      this.formPlace,
      make("div.choices.add", {}, this.add),
      this.preview.element,
      buttons,
    );
    if (this.wrong) this.#write(null, this.#question(), scoresOf(this.wrong));
    this.#draw();
  }

  /** What is taught, as the server takes it. */
  correction() {
    return { kind: "story", name: this.name.value.trim(), steps: this.steps.map(stepJson), sender_id: this.sender };
  }

  focus() {
    if (this.form) this.form.focus();
    else this.add.focus();
  }

  /** Show anew what would be written: the files may be others since, and messages may have been taught. */
  refresh() {
    this.steps = this.steps.map((step) => {
      const isTold = step.kind === "user" && !step.isNew;
      return isTold ? userStep(step.event, this.correctionOf) : step;
    });
    this.#draw();
  }

  /** Ask the server for nothing more. */
  end() {
    this.preview.end();
  }

  #question() {
    return this.wrong.name === LISTEN ? "It listened; what should it have done?" : `Instead of ${this.wrong.name}`;
  }

  #draw() {
    this.list.replaceChildren(...this.steps.map((step, i) => this.#row(step, i)));
    this.#look();
  }

  #look() {
    if (this.form && this.wrong) this.preview.show(null, "Choose what it should have done.");
    else if (!this.name.value.trim()) this.preview.show(null, "A story needs a name.");
    else if (!this.steps.length) this.preview.show(null, "A story needs a step.");
    else this.preview.show(this.correction());
  }

  #row(step, i) {
    const { kind, text, more } = stepText(step);
    const what = hidden(` ${kind} ${text}`);
    const button = (name, sign, work, isOff = false) =>
      make(
        "button.plain",
        { type: "button", "data-does": name, disabled: isOff, onclick: work },
        hidden(name),
        make("span", { "aria-hidden": "true" }, sign),
        what.cloneNode(true),
      );
    const last = this.steps.length - 1;
    return make(
      `li.step.is-${step.kind}${step.isNew ? ".is-new" : ""}`,
      {},
      make("span.kind", {}, kind),
      make("span.text", {}, make("bdi.name", {}, text), more && make("bdi.more", {}, more)),
      make(
        "span.step-buttons",
        {},
        step.kind !== "bot" && button("Edit", "✎", () => this.#write(i)),
        button("Move up", "↑", () => this.#move(i, -1), i === 0),
        button("Move down", "↓", () => this.#move(i, 1), i === last),
        button("Remove", "×", () => this.#remove(i)),
      ),
    );
  }

  // ---- changes of the list --------------------------------------------------------------------

  #key(event) {
    const i = [...this.list.children].indexOf(event.target.closest("li"));
    if (i < 0) return;
    if (event.altKey && event.key === "ArrowUp") this.#move(i, -1);
    else if (event.altKey && event.key === "ArrowDown") this.#move(i, 1);
    else if (event.key === "Delete") this.#remove(i);
    else return;
    event.preventDefault();
  }

  #move(i, by) {
    const there = i + by;
    if (there < 0 || there >= this.steps.length) return;
    [this.steps[i], this.steps[there]] = [this.steps[there], this.steps[i]];
    this.#draw();
    this.#focusStep(there, by < 0 ? "Move up" : "Move down");
    this.teaching.tell(`Step ${there + 1} of ${this.steps.length}`);
  }

  #remove(i) {
    const [gone] = this.steps.splice(i, 1);
    this.#draw();
    this.teaching.tell(`${stepText(gone).text} removed`);
    if (this.steps.length) this.#focusStep(Math.min(i, this.steps.length - 1), "Remove");
    else this.add.focus();
  }

  #focusStep(i, does) {
    const row = this.list.children[i];
    const button = row.querySelector(`[data-does="${does}"]:not(:disabled)`) ?? row.querySelector("button:not(:disabled)");
    button.focus();
  }

  /** Write a step: the one at a place, or with null a new one at the end. */
  #write(i, title = i === null ? "Add a step" : `Edit step ${i + 1}`, scores = new Map()) {
    const back = i === null ? () => this.add.focus() : () => this.#focusStep(i, "Edit");
    this.form = new StepForm(this.teaching, {
      step: i === null ? { kind: "action", name: "" } : this.steps[i],
      title,
      scores,
      save: (step) => {
        this.#endWriting();
        this.#put(step, i);
        back();
      },
      cancel: () => {
        this.#endWriting();
        this.#draw();
        back();
      },
    });
    this.formPlace.replaceChildren(this.form.element);
    this.form.focus();
  }

  #put(step, i) {
    const made = { ...step, isNew: true };
    if (i !== null) this.steps[i] = made;
    else if (step.name !== LISTEN) this.steps.push(made); // a story that ends listens
    this.#draw();
  }

  #endWriting() {
    this.form = null;
    this.wrong = null;
    this.formPlace.replaceChildren();
  }
}

/** Each action's best score by any policy; the action that was wrong is left out. */
function scoresOf(wrong) {
  const best = new Map();
  for (const { scores } of wrong.predictions ?? []) {
    for (const [name, score] of Object.entries(scores ?? {})) {
      if (name !== wrong.name && score >= 0.005) best.set(name, Math.max(score, best.get(name) ?? 0));
    }
  }
  return best;
}

/** A name for the story: what the user wanted, one after the other, and whose conversation it was. */
function nameOf(conversation, steps) {
  const intents = steps.filter(({ kind, name }) => kind === "user" && name).map(({ name }) => name);
  const shown = [...new Set(intents)].slice(-3).join(", ");
  return `${shown || "taught"} (${conversation.id})`.slice(0, 200);
}

/** What was taught of a dialogue, in a line. */
export function storyLine({ name, steps }) {
  return make("p.taught-line", {}, "Story ", make("bdi.intent", {}, name), make("span.with", {}, ` with ${steps.length} steps`));
}
