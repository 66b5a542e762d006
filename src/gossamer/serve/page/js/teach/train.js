// The place "Train": what was taught since, a training with its progress, what came of it, models.

import { make } from "../dom.js";
import * as api from "./api.js";
import { comparisonCards, verdict } from "./comparison.js";
import { faultList } from "./faults.js";
import { Models } from "./models.js";
import { attempt, problem } from "./parts/trying.js";
import { taughtList } from "./taught.js";
import { ProgressBar, Teller, untilDone } from "./waiting.js";
import { secondsOf } from "./words.js";

const STAGES = {
  reading: "Reading the project",
  training: "Training",
  testing: "Testing before and after",
  done: "Done",
};

export class Train {
  /**
   * @param {HTMLElement} section
   * @param {import("./teaching.js").Teaching} teaching
   */
  constructor(section, teaching) {
    this.teaching = teaching;
    this.teller = new Teller((text) => teaching.tell(text));
    this.followed = null; // the id of the training whose progress is shown
    this.seen = null; // the id of the last one whose end was shown
    this.taught = make("section.card", { "aria-labelledby": "taught-title" });
    this.run = make("section.card.run", { "aria-labelledby": "run-title", hidden: true });
    this.said = make("p.done-with", { tabindex: -1, hidden: true }); // which model answers now
    this.result = make("div.result");
    this.models = new Models(teaching, (text) => this.#afterSwap(text));
    section.append(make("div.column", {}, this.run, this.said, this.result, this.taught, this.models.element));
  }

  /**
   * Called each time this place is gone to: a training that runs or is done is there again. With
   * `start` another one begins, unless one runs.
   */
  async show({ start = false } = {}) {
    if (!this.isShown) this.taught.replaceChildren(make("p.none", {}, "Loading …"));
    try {
      const [corrections, trainings] = await Promise.all([
        this.teaching.ask(async () => (await api.corrections()).corrections),
        this.teaching.ask(async () => (await api.trainings()).trainings),
        this.models.load(),
      ]);
      this.isShown = true;
      this.#drawTaught(corrections);
      const [latest] = [...trainings].sort((a, b) => secondsOf(b.when) - secondsOf(a.when));
      const isRunning = latest?.state === "running";
      if (start && !isRunning) await this.#start();
      else if (latest && latest.id !== this.followed && latest.id !== this.seen) this.#draw(latest);
    } catch (error) {
      this.taught.replaceChildren(problem(error.message, () => this.show()));
    }
  }

  // ---- what was taught ------------------------------------------------------------------------

  #drawTaught(corrections) {
    const since = corrections.filter((one) => !one.is_undone && !this.#isTrained(one));
    since.sort((a, b) => secondsOf(b.when) - secondsOf(a.when));
    this.button = make("button.act.strong", { type: "button", onclick: () => this.#start() }, "Train");
    this.button.disabled = this.followed !== null;
    this.taught.replaceChildren(
      make(
        "header",
        {},
        make("h3", { id: "taught-title" }, "Taught since the model in service was trained"),
        make("span.number", {}, String(since.length)),
      ),
      since.length
        ? taughtList(since)
        : make("p.none", {}, "Nothing. What changed in the project's files by hand is trained, too."),
      make("div.acts", {}, this.button),
    );
  }

  #isTrained(correction) {
    if (typeof correction.is_trained === "boolean") return correction.is_trained;
    return secondsOf(correction.when) <= secondsOf(this.models.inService?.when);
  }

  // ---- a training -----------------------------------------------------------------------------

  async #start() {
    const work = async () => {
      const { id } = await this.teaching.ask(api.train);
      this.teller.tell("Training has begun.");
      this.#draw({ id, state: "running", progress: null });
      this.cancelButton.focus();
    };
    await attempt(this.button, work, (message) => {
      this.run.hidden = false;
      this.run.replaceChildren(title("run-title", "Training"), problem(message));
    });
  }

  /** Show a training, whatever state it is in. */
  #draw(training) {
    const hadFocus = this.run.contains(document.activeElement);
    this.said.hidden = true;
    this.result.replaceChildren();
    if (training.state === "running") {
      this.#follow(training);
      return;
    }
    this.followed = null;
    this.seen = training.id;
    if (this.button) this.button.disabled = false;
    const isOver = training.is_in_service || training.is_discarded;
    this.run.hidden = isOver || training.state === "done";
    this.run.replaceChildren(...this.#ending(training));
    if (training.state === "done" && training.comparison && !training.is_discarded) {
      this.result.append(...comparisonCards(training.comparison, this.#decision(training)));
    }
    if (hadFocus) this.#focusResult();
  }

  #ending(training) {
    const isFailed = training.state === "failed";
    return [
      title("run-title", isFailed ? "The training failed" : "The training was cancelled"),
      isFailed && faultList(training.error),
      make("p.none", {}, "The model that answered before still answers."),
    ].filter(Boolean);
  }

  async #follow(training) {
    this.followed = training.id;
    if (this.button) this.button.disabled = true;
    const bar = new ProgressBar("Training");
    const stages = make("ol.stages", { "aria-hidden": "true" });
    this.cancelButton = make(
      "button.act",
      { type: "button", onclick: () => this.#cancel(training.id) },
      "Cancel",
    );
    this.run.hidden = false;
    this.run.replaceChildren(
      title("run-title", "Training"),
      stages,
      bar.element,
      make("div.acts", {}, this.cancelButton),
    );
    const each = ({ progress }) => {
      const text = progressText(progress);
      bar.show(text, progress?.fraction ?? null);
      drawStages(stages, progress?.stage);
      this.teller.mention(text);
    };
    each(training);
    try {
      const last = await untilDone(() => this.teaching.ask(() => api.training(training.id)), { each });
      this.#draw(last);
      this.teller.tell(spoken(last));
      await this.models.load();
    } catch (error) {
      this.followed = null;
      if (this.button) this.button.disabled = false;
      this.run.replaceChildren(
        title("run-title", "Training"),
        problem(error.message, () => {
          this.#follow(training);
          this.cancelButton.focus();
        }),
      );
    }
  }

  async #cancel(id) {
    const button = this.cancelButton;
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true"); // it keeps the keyboard, which then goes to what came of it
    try {
      await this.teaching.ask(() => api.cancel(id));
    } catch (error) {
      button.removeAttribute("aria-disabled");
      this.run.append(problem(error.message));
    }
  }

  // ---- in service, or not ---------------------------------------------------------------------

  #decision(training) {
    if (training.is_in_service) {
      return make("p.decision", {}, "This model was put in service.");
    }
    const swap = make("button.act.strong", { type: "button" }, "Put in service");
    const keep = make("button.act", { type: "button" }, "Keep the old one");
    const wrong = make("div", { role: "alert" });
    const decide = (button, other, request, said) => {
      const work = async () => {
        await this.teaching.ask(request);
        this.result.replaceChildren();
        this.#afterSwap(said);
      };
      button.addEventListener("click", () => {
        other.disabled = true;
        attempt(button, work, (message) => {
          other.disabled = false;
          wrong.replaceChildren(make("p.problem", { dir: "auto" }, message));
        });
      });
    };
    decide(swap, keep, () => api.swap(training.id), "The new model answers now.");
    decide(keep, swap, () => api.cancel(training.id), "The old model stays.");
    return make(
      "div.decision",
      {},
      make("p", {}, "The old model answers until you decide."),
      make("div.acts", {}, swap, keep),
      wrong,
    );
  }

  /** Say which model answers now. A training that runs and a candidate that waits stay as they are. */
  async #afterSwap(said) {
    this.said.textContent = said;
    this.said.hidden = false;
    this.said.focus();
    this.teller.tell(said);
    if (this.followed === null) this.run.hidden = true;
    await this.teaching.changed();
    await this.show();
  }

  #focusResult() {
    const target = this.result.querySelector("[tabindex]") ?? this.run.querySelector("h3");
    target.focus();
  }
}

function title(id, text) {
  return make("header", {}, make("h3", { id, tabindex: -1 }, text));
}

function progressText(progress) {
  if (!progress) return "Begins …";
  if (progress.text) return progress.text;
  const stage = STAGES[progress.stage] ?? progress.stage;
  return progress.part ? `${stage}: ${progress.part}` : stage;
}

function drawStages(list, now) {
  const names = Object.keys(STAGES).slice(0, -1);
  const here = names.indexOf(now);
  list.replaceChildren(
    ...names.map((name, i) => make(i < here ? "li.past" : i === here ? "li.now" : "li", {}, STAGES[name])),
  );
}

function spoken(training) {
  if (training.state === "failed") return "The training failed.";
  if (training.state === "cancelled") return "The training was cancelled.";
  return `The training is done. ${verdict(training.comparison)}`;
}
