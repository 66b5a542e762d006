// What the assistant did in a turn, and why: every policy's scores beside each other.

import { bars } from "./bars.js";
import { asText, hidden, make, share } from "./dom.js";
import { oneLine } from "./timeline.js";

const MOST_SCORES = 4;
const LISTEN = "action_listen";

/**
 * All actions of a turn; the first one is open.
 *
 * @param {Object[]} actions
 * @param {(number: number) => void} correct  another should have come in the action's place
 */
export function actionList(actions, correct) {
  const rows = actions.map((action, i) => make("li", {}, actionRow(action, i === 0, () => correct(i))));
  return make("ol.actions", {}, ...rows);
}

function actionRow(action, isOpen, correct) {
  const chosen = action.policy === null ? "not chosen by a policy" : action.policy;
  const summary = make(
    "summary",
    {},
    make("span.name", { dir: "auto" }, action.name),
    make("span.by", {}, hidden(", "), chosen),
    make("span.number", {}, hidden(", "), share(action.confidence)),
  );
  return make(
    action.problem ? "details.failed" : action.name === LISTEN ? "details.listens" : "details",
    { open: isOpen || Boolean(action.problem) },
    summary,
    make("div.why", {}, ...whyParts(action), correctButton(action, correct)),
  );
}

function whyParts(action) {
  const winner = action.predictions.find((prediction) => prediction.policy === action.policy);
  const effects = action.events.map(oneLine).filter(Boolean);
  return [
    action.problem && make("p.problem", { dir: "auto" }, problemText(action.problem)),
    reasonText(action, winner),
    effects.length > 0 && make("ul.effects", { "aria-label": "What came of it" }, ...effects.map((text) => make("li", { dir: "auto" }, text))),
    action.predictions.length > 0 &&
      make("div.policies", {}, ...action.predictions.map((p) => policy(p, p === winner, action.name))),
  ].filter(Boolean);
}

function correctButton(action, correct) {
  const text = ["Correct", hidden(` ${action.name}`), ": something else should come here"];
  return make("p.teaches", {}, make("button.correct", { type: "button", onclick: correct }, ...text));
}

function problemText(problem) {
  return typeof problem === "string" ? problem : (problem.message ?? JSON.stringify(problem));
}

function reasonText(action, winner) {
  if (action.policy === null) {
    return make("p.reason", {}, "An event asked for it, or a session began.");
  }
  const reason = Object.entries(winner?.reason ?? {});
  if (!reason.length) {
    return action.predictions.length
      ? null
      : make("p.reason", {}, "Scores are shown for what is said while this page is open.");
  }
  return make(
    "dl.reason",
    {},
    ...reason.map(([key, value]) =>
      make("div", {}, make("dt", {}, key.replaceAll("_", " ")), make("dd", { dir: "auto" }, asText(value))),
    ),
  );
}

function policy(prediction, isWinner, chosenName) {
  const rows = Object.entries(prediction.scores ?? {})
    .filter(([, value]) => value >= 0.005)
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_SCORES)
    .map(([name, value]) => ({ name, value, isMain: isWinner && name === chosenName }));
  const title = make(
    "h4",
    {},
    make("span", {}, prediction.policy),
    isWinner && make("span.chosen", {}, "chosen"),
    make("span.priority", {}, `priority ${prediction.priority}`),
  );
  return make(
    isWinner ? "div.policy.winner" : "div.policy",
    {},
    title,
    rows.length ? bars(rows, `Scores of ${prediction.policy}`) : make("p.none", {}, "Says nothing here."),
  );
}
