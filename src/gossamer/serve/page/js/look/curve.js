// The learning curve of an intent: would more examples help?

import { make } from "../dom.js";
import * as api from "../teach/api.js";
import { chart } from "./chart.js";
import { Shown } from "./shown.js";

const digits = (value) => (typeof value === "number" ? value.toFixed(2) : "");

export class LearningCurve {
  /** @param {import("../teach/teaching.js").Teaching} teaching */
  constructor(teaching) {
    this.teaching = teaching;
    this.shown = new Shown(teaching, {
      name: "The learning curve",
      ask: null,
      draw: drawCurve,
      early: drawPoints,
    });
    this.select = make("select", { id: "curve-intent" });
    const form = make(
      "form.curve-form",
      {},
      make("label", { for: "curve-intent" }, "Would more examples help"),
      this.select,
      make("button.act.strong", { type: "submit" }, "Find out"),
      make(
        "p.none",
        {},
        "A model is trained several times, with more and more of the intent's examples. That takes a while.",
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const intent = this.select.value;
      if (intent) this.shown.load(() => api.learningCurve(intent));
    });
    this.element = make("div", {}, form, this.shown.element);
  }

  /** The intents to choose from; the one with fewest examples first. */
  load() {
    const chosen = this.select.value;
    const intents = [...this.teaching.project.intents].sort(
      (a, b) => a.nExamples - b.nExamples || a.name.localeCompare(b.name),
    );
    this.select.replaceChildren(
      ...intents.map(({ name, note }) => make("option", { value: name }, `${name} (${note})`)),
    );
    if (intents.some(({ name }) => name === chosen)) this.select.value = chosen;
  }

  get running() {
    return this.shown.running;
  }

  stop() {
    if (this.running) this.shown.waiting.replaceChildren();
    this.shown.stop();
  }
}

function drawCurve(answer) {
  return [
    make("p.lead", { dir: "auto" }, answer.text),
    ...drawPoints(answer),
    answer.how && make("p.none", { dir: "auto" }, answer.how),
  ];
}

function drawPoints({ intent = "", points = [] }) {
  if (!points.length) return [];
  const most = Math.max(...points.map((point) => point.n_examples));
  const picture = chart({
    label: `F1 of ${intent} by number of examples: ${points.map((p) => `${p.n_examples}: ${digits(p.f1)}`).join(", ")}`,
    x: { label: "examples", range: [0, most], text: String },
    y: { label: "F1", range: [0, 1], text: (value) => value.toFixed(1) },
    line: points.map((point) => [point.n_examples, point.f1]),
    marks: points.map((point) => ({ at: [point.n_examples, point.f1], spread: point.spread })),
  });
  const head = ["Examples", "F1", "±", "Precision", "Recall"];
  const table = make(
    "table.figures",
    {},
    make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
    make(
      "tbody",
      {},
      ...points.map((point) =>
        make(
          "tr",
          {},
          make("th.number", { scope: "row" }, point.n_examples),
          ...["f1", "spread", "precision", "recall"].map((key) => make("td.number", {}, digits(point[key]))),
        ),
      ),
    ),
  );
  return [
    make(
      "div.beside",
      {},
      make("section.card", { "aria-label": "Chart" }, picture),
      make("section.card", { "aria-label": "Figures" }, table),
    ),
  ];
}
