// What all looks have in common: they may take the server a while, or be impossible.

import { make } from "../dom.js";
import { problem } from "../teach/parts/trying.js";
import { ProgressBar, Teller, untilDone } from "../teach/waiting.js";

/** Gets one look and draws it, with all that may come between. */
export class Shown {
  /**
   * @param {import("../teach/teaching.js").Teaching} teaching
   * @param {{name: string, ask: () => Promise<Object>, draw: (answer: Object) => Node[], early?: (answer: Object) => Node[]}} look
   *   `early` draws what is there of one that still runs
   */
  constructor(teaching, look) {
    this.teaching = teaching;
    this.look = look;
    this.teller = new Teller((text) => teaching.tell(text));
    this.waiting = make("div");
    this.content = make("div.content");
    this.element = make("div.look", {}, this.waiting, this.content);
    this.running = null;
  }

  /** Get it, anew where it was there before. */
  async load(ask = this.look.ask) {
    this.stop();
    const running = new AbortController();
    this.running = running;
    const bar = new ProgressBar(this.look.name);
    const each = (answer) => {
      if (answer.state !== "running") return;
      const text = answer.text || "The server works it out …";
      bar.show(text, answer.fraction ?? null);
      this.teller.mention(text);
      this.content.replaceChildren(...(this.look.early?.(answer) ?? []));
    };
    bar.show("Loading …", null);
    this.waiting.replaceChildren(bar.element);
    this.content.replaceChildren();
    try {
      const answer = await untilDone(() => this.teaching.ask(ask), { each, signal: running.signal });
      if (answer === null) return;
      this.waiting.replaceChildren();
      this.content.replaceChildren(...this.#drawn(answer, ask));
      if (answer.state === "done") this.teller.tell(`${this.look.name} is there.`);
    } catch (error) {
      if (running.signal.aborted) return;
      this.waiting.replaceChildren(problem(error.message, () => this.load(ask)));
    } finally {
      if (this.running === running) this.running = null;
    }
  }

  /** Ask no more; the server goes on. */
  stop() {
    this.running?.abort();
    this.running = null;
  }

  #drawn(answer, ask) {
    if (answer.state === "none") {
      return [
        make("p.lead", { dir: "auto" }, answer.text),
        answer.hint && make("p.none", { dir: "auto" }, answer.hint),
      ].filter(Boolean);
    }
    if (answer.state === "failed") return [problem(answer.error ?? "It did not work.", () => this.load(ask))];
    return this.look.draw(answer).filter(Boolean);
  }
}

/** On which messages the model was tested, and a warning where that flatters it. */
export function testedOn(answer) {
  const { kind, text } = answer.tested_on ?? {};
  const warning =
    kind === "training"
      ? " The model was trained on these, so the figures are too good: add test messages."
      : "";
  return make(
    "p.none.tested-on",
    { dir: "auto" },
    `Tested on ${text ?? "messages of the project"}.${warning}`,
  );
}
