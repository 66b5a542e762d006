// All models that there are: which one answers now, and going back to another.

import { hidden, make } from "../dom.js";
import * as api from "./api.js";
import { attempt } from "./parts/trying.js";
import { bytes, moment, secondsOf } from "./words.js";

const SUMMARY = { taught: "taught", test_messages: "test messages", test_stories: "test stories" };

export class Models {
  /**
   * @param {import("./teaching.js").Teaching} teaching
   * @param {(said: string) => void} afterSwap  called when another model answers
   */
  constructor(teaching, afterSwap) {
    this.teaching = teaching;
    this.afterSwap = afterSwap;
    this.inService = null;
    this.list = make("ul.models", { "aria-labelledby": "models-title" });
    this.wrong = make("div", { role: "alert" });
    this.element = make(
      "section.card",
      { "aria-labelledby": "models-title" },
      make("header", {}, make("h3", { id: "models-title" }, "Models")),
      this.list,
      this.wrong,
    );
  }

  async load() {
    const { models } = await this.teaching.ask(api.models);
    models.sort((a, b) => secondsOf(b.when) - secondsOf(a.when));
    this.inService =
      models.find((model) => model.is_in_service) ?? models.find((model) => model.is_latest) ?? null;
    this.list.replaceChildren(...models.map((model) => this.#row(model)));
  }

  #row(model) {
    const isHere = model === this.inService;
    const use =
      !isHere && make("button.act", { type: "button" }, "Go back to this one", hidden(`: ${model.name}`));
    if (use) use.addEventListener("click", () => this.#use(model, use));
    return make(
      isHere ? "li.here" : "li",
      {},
      make("span.name", { dir: "auto" }, model.name),
      make(
        "span.facts",
        {},
        moment(model.when),
        make("span", {}, bytes(model.size)),
        ...summaryParts(model.summary),
      ),
      isHere && make("span.badge", {}, "answers now"),
      use,
    );
  }

  #use(model, button) {
    this.wrong.replaceChildren();
    const work = async () => {
      await this.teaching.ask(() => api.use(model.name));
      this.afterSwap(`${model.name} answers now.`);
    };
    attempt(button, work, (message) => {
      this.wrong.replaceChildren(make("p.problem", { dir: "auto" }, message));
    });
  }
}

function summaryParts(summary) {
  return Object.keys(SUMMARY)
    .filter((name) => summary?.[name]?.n)
    .map((name) => make("span", {}, `${SUMMARY[name]}: ${summary[name].after} of ${summary[name].n} right`));
}
