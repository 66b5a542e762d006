// Work that takes the server a while: asking again until it is over, and telling of it.

import { make } from "../dom.js";

const PAUSE = 1500; // milliseconds between two questions
const QUIET = 5000; // milliseconds at least between two things told of one work

/**
 * Ask again and again until the answer is no longer "running".
 *
 * @param {() => Promise<{state: string}>} ask
 * @param {{each?: (answer: Object) => void, signal?: AbortSignal}} [options]  `each` gets every
 *   answer, the last one too; after `signal` nothing is asked and `each` is not called
 * @returns {Promise<Object|null>} the last answer; null: it was aborted
 */
export async function untilDone(ask, { each = () => {}, signal } = {}) {
  for (;;) {
    const answer = await ask();
    if (signal?.aborted) return null;
    each(answer);
    if (answer.state !== "running") return answer;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (signal?.aborted) return null;
  }
}

/** Tells screen readers of what changes all the time, every few seconds. */
export class Teller {
  /** @param {(text: string) => void} tell */
  constructor(tell) {
    this.last = -Infinity;
    this.tellAtOnce = tell;
  }

  /** Tell it at once. */
  tell(text) {
    this.tellAtOnce(text);
    this.last = performance.now();
  }

  /** Tell it, unless something was told a moment ago. */
  mention(text) {
    if (performance.now() - this.last >= QUIET) this.tell(text);
  }
}

/** A bar of progress with its label above. It is changed in place, not drawn again. */
export class ProgressBar {
  constructor(label) {
    this.bar = make("progress", { max: 1, "aria-label": label });
    this.text = make("p.stage", { dir: "auto" });
    this.element = make("div.progress", {}, this.text, this.bar);
  }

  /** @param {number|null} fraction  null: nobody knows */
  show(text, fraction) {
    this.text.textContent = text;
    if (typeof fraction === "number") this.bar.value = Math.max(0, Math.min(1, fraction));
    else this.bar.removeAttribute("value");
  }
}
