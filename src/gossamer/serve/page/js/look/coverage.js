// Coverage against error: how many messages a threshold answers, and how many of those wrongly.

import { make } from "../dom.js";
import { percent } from "../teach/words.js";
import { chart } from "./chart.js";
import { testedOn } from "./shown.js";

const NONE_ANSWERED = "nothing is answered"; // then there is no share of wrong answers

const threshold = (point) => String(Math.round(point.threshold * 1000) / 1000);

export function drawCoverage(answer) {
  const { suggested, own, everything, curve, reaching = [] } = answer;
  const marks = [
    { point: everything, name: "all answered", kind: "everything" },
    { point: own, name: "now", kind: "own" },
    { point: suggested, name: "suggested", kind: "suggested" },
  ].filter(({ point }) => point && point.error !== null);
  const line = curve.coverage.map((coverage, i) => [coverage, curve.error[i]]).sort((a, b) => a[0] - b[0]);
  const most = Math.min(1, Math.max(0.05, ...curve.error) * 1.15);
  const picture = chart({
    label:
      "Share of wrong answers against the share of messages that are answered, for all thresholds; the table has the figures",
    x: { label: "messages that are answered", range: [0, 1], text: percent },
    y: { label: "wrong ones among them", range: [0, most], text: percent },
    line,
    marks: marks.map(({ point, name, kind }) => ({ at: [point.coverage, point.error], name, kind })),
  });
  const rows = [
    ["All are answered", everything],
    ["Now", own],
    ["Suggested", suggested],
    ...reaching.map(({ target_error: error, point }) => [`At most ${percent(error)} wrong`, point]),
  ].filter(([name, point]) => point || name.startsWith("At most"));
  return [
    make("p.lead", { dir: "auto" }, advice(answer)),
    make(
      "div.beside",
      {},
      make("section.card", { "aria-label": "Chart" }, picture),
      make("section.card", { "aria-label": "Figures" }, table(rows)),
    ),
    make("p.none", {}, "Withheld are right answers that a threshold holds back."),
    answer.where &&
      make("p.none", { dir: "auto" }, `The threshold of FallbackClassifier stands in ${answer.where}.`),
    testedOn(answer),
  ];
}

function advice({ suggested, own, everything, no_suggestion_because: reason }) {
  if (!suggested) return `No threshold is suggested: ${reason ?? "there is too little to tell"}.`;
  const now = own ?? everything;
  const before = own ? `With ${threshold(own)}, as it is now,` : "Without a threshold";
  const shares = `it is ${percent(now.coverage)} and ${percent(now.error)}`;
  return (
    `Suggested threshold: ${threshold(suggested)}. It answers ${percent(suggested.coverage)} of messages, ` +
    `${percent(suggested.error)} of them wrongly. ${before} ${now.error === null ? NONE_ANSWERED : shares}.`
  );
}

function table(rows) {
  const head = ["", "Threshold", "Answered", "Wrong", "Withheld"];
  return make(
    "table.figures",
    {},
    make(
      "thead",
      {},
      make("tr", {}, ...head.map((name) => (name ? make("th", { scope: "col" }, name) : make("td")))),
    ),
    make(
      "tbody",
      {},
      ...rows.map(([name, point]) => make("tr", {}, make("th", { scope: "row" }, name), ...cells(point))),
    ),
  );
}

function cells(point) {
  if (!point) return [make("td", { colspan: 4 }, "no threshold does it")];
  const wrong = point.error === null ? NONE_ANSWERED : percent(point.error);
  const values = [threshold(point), percent(point.coverage), wrong, point.n_right_withheld];
  return values.map((value) => make("td.number", {}, String(value)));
}
