// The inbox: messages that are worth a look, most useful first. What is accepted or dismissed goes
// at once, and the server hears of it in the background, one after the other.

import { count, make } from "../dom.js";
import * as api from "./api.js";
import { GroupRow, answerOf, keysLine } from "./group.js";
import { problem } from "./parts/trying.js";

const LIMIT = 50;

export class Inbox {
  /**
   * @param {HTMLElement} section
   * @param {import("./teaching.js").Teaching} teaching
   */
  constructor(section, teaching) {
    this.teaching = teaching;
    this.rows = [];
    this.current = null;
    this.done = []; // what can be undone, the last at the end
    this.queue = Promise.resolve(); // of what the server is told, one after the other
    this.nShown = 0; // how often it was shown
    this.position = make("p.position");
    this.last = make("p.last", { dir: "auto" });
    this.undoButton = make(
      "button.act",
      { type: "button", "aria-keyshortcuts": "u", onclick: () => this.undo() },
      "Undo",
      make("kbd", { "aria-hidden": "true" }, "u"),
    );
    this.problem = make("div");
    this.feed = make("div.feed", { role: "feed", "aria-label": "Messages worth a look" });
    this.empty = make("div.nothing-left", { tabindex: -1 });
    section.append(
      make("div.bar", {}, this.position, this.last, this.undoButton),
      keysLine(),
      this.problem,
      this.feed,
      this.empty,
    );
    section.addEventListener("keydown", (event) => this.#onKey(event));
    this.feed.addEventListener("focusin", (event) => this.#onFocus(event));
    teaching.addEventListener("change", ({ detail }) => this.#forget(detail.undone));
    this.#draw();
  }

  /** Get what there is now; what the keyboard is at stays if it is still there. */
  async show() {
    this.nShown += 1;
    const number = this.nShown;
    this.feed.setAttribute("aria-busy", "true");
    try {
      const answer = await this.#newest();
      if (number !== this.nShown) return; // it was shown again meanwhile
      this.problem.replaceChildren();
      this.#replace(answer);
    } catch (error) {
      if (number !== this.nShown) return;
      this.problem.replaceChildren(problem(error.message, () => this.show()));
    }
    this.feed.removeAttribute("aria-busy");
    this.isLoaded = true;
    this.#draw();
  }

  /** What there is after all that was done until then: an older answer is not used. */
  async #newest() {
    let queue, answer;
    do {
      queue = this.queue;
      await queue;
      answer = await this.teaching.ask(() => api.inbox(LIMIT));
    } while (queue !== this.queue);
    return answer;
  }

  #replace(answer) {
    const hadFocus = this.feed.contains(document.activeElement);
    const here = this.current?.group.text;
    this.nMessages = answer.n_messages;
    this.rows = answer.groups.map((group) => new GroupRow(group, this.#listener()));
    this.feed.replaceChildren(...this.rows.map((row) => row.element));
    this.#choose(this.#rowOf(here) ?? this.rows[0] ?? null);
    if (hadFocus) this.#focus(this.current);
  }

  #rowOf(text) {
    return this.rows.find((row) => row.group.text === text);
  }

  /** Take back what was done last. */
  async undo() {
    const step = this.done.pop();
    if (!step) {
      this.teaching.tell("There is nothing to undo.");
      return;
    }
    this.#draw();
    try {
      await this.#inTurn(async () => step.undo(await step.answer));
    } catch (error) {
      this.done.push(step);
      this.#draw();
      this.problem.replaceChildren(problem(error.message));
      return;
    }
    this.problem.replaceChildren();
    this.#putBack(step);
    this.#say(`Taken back: “${step.row.group.text}”.`);
    this.#focus(step.row);
  }

  accept(row) {
    const answer = answerOf(row.group.parse);
    if (!answer) {
      this.teaching.tell("The model has no answer to accept. Press c to correct it.");
      return;
    }
    const { text } = row.group;
    this.#settle(row, {
      said: `Accepted “${text}” as ${answer.name}.`,
      work: () => api.accept(text),
      undo: ({ id }) => api.undo(id),
    });
  }

  dismiss(row) {
    const { text } = row.group;
    this.#settle(row, {
      said: `Dismissed “${text}”.`,
      work: () => api.dismiss(text),
      undo: () => api.restore(text),
    });
  }

  async correct(row) {
    const { text, parse, messages } = row.group;
    const sender = messages?.[0]?.sender_id;
    const taught = await this.teaching.corrector.text({ text, parse, sender });
    const now = this.#rowOf(text); // rows may be others since
    if (!taught || !now) {
      this.#focus(now ?? this.current);
      return;
    }
    this.#settle(now, {
      said: `Taught “${text}”.`,
      work: async () => taught,
      undo: ({ id }) => api.undo(id),
    });
  }

  #listener() {
    return {
      choose: (row) => this.#choose(row),
      accept: (row) => this.accept(row),
      dismiss: (row) => this.dismiss(row),
      correct: (row) => this.correct(row),
    };
  }

  /** Take a row away, put the keyboard at the next one, and tell the server in the background. */
  #settle(row, { said, work, undo }) {
    const index = this.rows.indexOf(row);
    if (index < 0) return;
    this.rows.splice(index, 1);
    row.setFailure(null);
    const next = this.rows[index] ?? this.rows[index - 1] ?? null;
    this.#choose(next);
    this.#focus(next);
    row.element.remove();
    const step = { row, index, undo, answer: this.#inTurn(work) };
    this.done.push(step);
    this.#say(said);
    const settled = ({ id }) => (step.id = id); // of the change, if there is one
    step.answer.then(settled, (error) => {
      this.done = this.done.filter((other) => other !== step);
      this.#putBack(step);
      row.setFailure(error.message);
    });
    if (!this.rows.length) this.#refill(step.answer);
  }

  /** All that was loaded is done: there may be more. */
  async #refill(answer) {
    const isHere = document.activeElement === this.empty;
    try {
      await answer;
    } catch {
      return; // the row is back
    }
    if (this.rows.length) return;
    await this.show();
    if (!this.rows.length) return;
    this.teaching.tell(`${count(this.rows.length, "more message")}.`);
    const isStill = [document.body, this.empty].includes(document.activeElement);
    if (isHere && isStill) this.#focus(this.current);
  }

  /** A change was undone in another place: it cannot be taken back here any more. */
  #forget(id) {
    this.done = this.done.filter((step) => step.id !== id);
    this.#draw();
  }

  #inTurn(work) {
    const answer = this.queue.then(work);
    this.queue = answer.catch(() => {});
    return answer;
  }

  #putBack({ row, index }) {
    const at = Math.min(index, this.rows.length);
    this.rows.splice(at, 0, row);
    this.feed.insertBefore(row.element, this.rows[at + 1]?.element ?? null);
    this.#choose(row);
    this.#draw();
  }

  #choose(row) {
    if (row !== this.current) this.current?.setCurrent(false);
    this.current = row;
    row?.setCurrent(true);
    this.#draw();
  }

  #focus(row) {
    const element = row ? row.element : this.empty;
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }

  #say(text) {
    this.last.textContent = text;
    this.last.title = text;
    this.#draw();
    this.teaching.tell(`${text} ${this.#left()}`);
  }

  #left() {
    return this.rows.length ? `${count(this.rows.length, "message")} left.` : "The inbox is empty.";
  }

  #draw() {
    const n = this.rows.length;
    this.rows.forEach((row, i) => row.setPlace(i + 1, n));
    const of = this.nMessages === undefined ? "" : `, of ${count(this.nMessages, "stored message")}`;
    this.position.textContent = this.isLoaded ? `${n} worth a look${of}` : "";
    this.undoButton.disabled = !this.done.length;
    this.feed.hidden = !n;
    this.empty.hidden = n > 0 || !this.isLoaded || this.problem.childElementCount > 0;
    this.empty.replaceChildren(
      make("p.lead", {}, "The inbox is empty."),
      make(
        "p",
        {},
        this.nMessages
          ? "The model is sure of all that was said, or you have seen to it."
          : "Nothing has been said yet. Talk with the assistant, or let others: messages worth a look come here.",
      ),
    );
  }

  #onFocus(event) {
    const row = this.rows.find(({ element }) => element.contains(event.target));
    if (row && row !== this.current) this.#choose(row);
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.repeat && !event.key.startsWith("Arrow")) return; // a key held down is one press
    if (event.target.closest("input, textarea, select, dialog")) return;
    const isAtRow = event.target === this.current?.element;
    const here = this.rows.indexOf(this.current);
    const last = this.rows.length - 1;
    const there = { ArrowUp: here - 1, ArrowDown: here + 1, Home: 0, End: last }[event.key];
    if (there !== undefined && this.rows.length) {
      event.preventDefault();
      const row = this.rows[Math.max(0, Math.min(last, there))];
      this.#choose(row);
      this.#focus(row);
    } else if (event.key === "u") {
      event.preventDefault();
      this.undo();
    } else if (this.current && (event.key !== "Enter" || isAtRow)) {
      const act = { a: "accept", d: "dismiss", c: "correct", Enter: "correct" }[event.key];
      if (!act) return;
      event.preventDefault();
      this[act](this.current);
    }
  }
}
