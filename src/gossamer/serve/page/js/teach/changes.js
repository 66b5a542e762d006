// The place "Changes": what was taught, by whom and when, what it changed, and undo.

import { ask } from "../ask.js";
import { count, hidden, make } from "../dom.js";
import * as api from "./api.js";
import { messageLine } from "./correct/message.js";
import { storyLine } from "./correct/story.js";
import { diffView, summaryOf } from "./parts/diff.js";
import { attempt, problem } from "./parts/trying.js";

const moment = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });

export class Changes {
  /**
   * @param {HTMLElement} section
   * @param {import("./teaching.js").Teaching} teaching
   */
  constructor(section, teaching) {
    this.teaching = teaching;
    this.isShown = false;
    this.lead = make("p.lead", { role: "status" });
    this.who = make("button.plain", { type: "button", onclick: () => this.#askName() });
    this.problem = make("div");
    this.list = make("ol.changes-list");
    section.append(make("div.place-head", {}, this.lead, this.who), this.problem, this.list);
    teaching.addEventListener("change", () => this.isShown && this.#load());
  }

  /** Called each time this place is gone to. */
  show() {
    this.isShown = true;
    this.#showName();
    this.#load();
  }

  /** Called when another place is gone to. */
  leave() {
    this.isShown = false;
  }

  #showName() {
    const name = api.teacher();
    const recorded = ["Changes are recorded as ", make("b", { dir: "auto" }, name), hidden(", change")];
    this.who.replaceChildren(...(name ? recorded : ["Give your name, to be recorded with changes"]));
  }

  async #askName() {
    const name = await ask({
      title: "Your name",
      text: "What you teach is recorded under it, unless the server knows you by your login.",
      label: "Name",
      ok: "Keep it",
      value: api.teacher(),
    });
    if (name === null) return;
    api.keepTeacher(name);
    this.#showName();
  }

  async #load() {
    this.problem.replaceChildren();
    let taught;
    try {
      taught = (await this.teaching.ask(api.corrections)).corrections;
    } catch (error) {
      this.problem.replaceChildren(problem(error.message, () => this.#load()));
      return;
    }
    const n = taught.filter((entry) => !entry.is_undone).length;
    this.lead.textContent = taught.length
      ? `${count(n, "change")} in the project's files.`
      : "Nothing has been taught yet. Correct a message or a dialogue in Talk.";
    const open = new Set([...this.list.querySelectorAll("details[open]")].map((row) => row.dataset.id));
    const newestFirst = [...taught].sort((a, b) => b.id - a.id);
    this.list.replaceChildren(...newestFirst.map((entry) => make("li", {}, this.#row(entry, open.has(String(entry.id))))));
  }

  #row(entry, isOpen) {
    const time = make("time", { datetime: new Date(entry.when * 1000).toISOString() }, moment.format(entry.when * 1000));
    const undo = make("button.second", { type: "button" }, "Undo", hidden(` change ${entry.id}`));
    const refusal = make("p.problem", { role: "alert", dir: "auto" });
    undo.addEventListener("click", () => {
      refusal.textContent = "";
      attempt(undo, () => this.#undo(entry), (message) => (refusal.textContent = message));
    });
    const undone = entry.undone_by ? `undone by ${entry.undone_by}` : "undone";
    const isWaiting = entry.is_trained === false && !entry.is_undone;
    return make(
      entry.is_undone ? "article.card.is-undone" : "article.card",
      { "aria-label": `Change ${entry.id}` },
      make(
        "div.change-head",
        {},
        lineOf(entry),
        entry.is_undone ? make("span.badge", { dir: "auto" }, undone) : entry.correction && undo,
      ),
      refusal,
      make("p.by", {}, make("bdi", {}, entry.who), " · ", time, isWaiting && " · not trained yet"),
      make("details", { open: isOpen, "data-id": entry.id }, make("summary", {}, summaryOf(entry.diff)), diffView(entry.diff)),
    );
  }

  async #undo(entry) {
    await this.teaching.ask(() => api.undo(entry.id));
    this.teaching.tell(`Change ${entry.id} is undone.`);
    await this.teaching.changed({ undone: entry.id });
    document.getElementById("changes-title").focus();
  }
}

function lineOf({ correction }) {
  if (!correction) return make("p.taught-line", {}, "Erased, with the conversation from which it came");
  return correction.kind === "message" ? messageLine(correction) : storyLine(correction);
}
