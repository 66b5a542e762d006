// While something is corrected: what would be written, and what the model says of similar messages.

import { make, share } from "../../dom.js";
import * as api from "../api.js";
import { diffView, summaryOf } from "./diff.js";

const PAUSE = 250; // milliseconds without a change, after which the server is asked

export class Preview {
  /**
   * @param {import("../teaching.js").Teaching} teaching
   * @param {(isReady: boolean) => void} change  called with whether the correction can be saved
   */
  constructor(teaching, change) {
    this.teaching = teaching;
    this.change = change;
    this.timer = 0;
    this.asked = null; // ends the request that is on its way
    this.summary = make("p.summary", { role: "status" });
    this.place = make("div.preview-parts");
    this.element = make("section.preview", { "aria-label": "What will be written" }, this.summary, this.place);
  }

  /**
   * Show what a correction does; with null, why there is none yet.
   *
   * @param {Object|null} correction
   * @param {string} [missing]
   */
  show(correction, missing = "") {
    this.end();
    this.change(false);
    if (correction) {
      if (!this.place.childElementCount) this.#fill("");
      this.timer = setTimeout(() => this.#ask(correction), PAUSE);
    } else {
      this.#fill(missing);
    }
  }

  /** Ask nothing more. */
  end() {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.asked = null;
    this.element.removeAttribute("aria-busy");
  }

  /** Say why it cannot be written. */
  showFailure(message) {
    this.#fill("", make("p.problem", { role: "alert", dir: "auto" }, message));
  }

  async #ask(correction) {
    const asked = new AbortController();
    this.asked = asked;
    this.element.setAttribute("aria-busy", "true");
    let answer;
    try {
      answer = await this.teaching.ask(() => api.preview(correction, asked.signal));
    } catch (error) {
      if (asked.signal.aborted) return;
      this.element.removeAttribute("aria-busy");
      this.showFailure(error.message);
      return;
    }
    if (asked.signal.aborted) return;
    this.element.removeAttribute("aria-busy");
    const similar = answer.similar ?? [];
    this.#fill(summaryOf(answer.diff), answer.diff && diffView(answer.diff), similar.length > 0 && similarView(similar));
    this.change(Boolean(answer.diff));
  }

  #fill(summary, ...parts) {
    this.summary.textContent = summary;
    this.place.replaceChildren(...parts.filter(Boolean));
  }
}

/** What the model says of similar messages, as it is now. */
function similarView(similar) {
  return make(
    "div.similar",
    {},
    make("h4", {}, "Similar messages, and what the model says of them now"),
    make("ul", {}, ...similar.map(similarRow)),
  );
}

function similarRow({ text, parse, agrees }) {
  const intent = parse?.intent ?? {};
  return make(
    agrees ? "li.agrees" : "li.differs",
    {},
    make("span.text", { dir: "auto" }, text),
    make("span.says", {}, make("bdi", {}, intent.name ?? "no intent"), " ", make("span.number", {}, share(intent.confidence))),
    typeof agrees === "boolean" && make("span.badge", {}, agrees ? "agrees" : "differs"),
  );
}
