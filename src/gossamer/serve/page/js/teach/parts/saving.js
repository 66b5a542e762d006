// The end of a form: what would be written, save or cancel; and what is shown after it was saved.

import { make } from "../../dom.js";
import * as api from "../api.js";
import { diffView, summaryOf } from "./diff.js";
import { Preview } from "./preview.js";
import { attempt } from "./trying.js";

/**
 * What a correction would write, and the buttons that save and cancel it.
 *
 * @param {import("../teaching.js").Teaching} teaching
 * @param {() => Object} correction  what is taught, as the server takes it
 * @param {{saved: (entry: Object, correction: Object) => void, cancel: () => void}} listener  `entry`: the
 *   server's answer
 * @returns {{preview: Preview, buttons: Element}}
 */
export function previewAndButtons(teaching, correction, { saved, cancel }) {
  let [isReady, isBusy] = [false, false];
  const button = make("button.main", { type: "button", "aria-disabled": "true" }, "Teach");
  const show = () => button.setAttribute("aria-disabled", String(!isReady || isBusy));
  const setBusy = (busy) => {
    isBusy = busy;
    show();
  };
  const preview = new Preview(teaching, (ready) => {
    isReady = ready;
    show();
  });
  button.addEventListener("click", async () => {
    if (!isReady || isBusy) return;
    setBusy(true);
    const taught = correction();
    try {
      const entry = await teaching.ask(() => api.correct(taught));
      saved(entry, taught);
      await teaching.changed();
    } catch (error) {
      preview.showFailure(error.message);
    }
    setBusy(false);
  });
  const back = make("button.plain", { type: "button", onclick: cancel }, "Cancel");
  return { preview, buttons: make("div.choices.save", {}, back, button) };
}

/**
 * What is shown after something was taught: the change, and what can be done with it.
 *
 * @param {import("../teaching.js").Teaching} teaching
 * @param {Object} entry  the server's answer
 * @param {Node} line  what was taught
 * @param {{undone: () => void, close: () => void}} listener
 */
export function taughtView(teaching, entry, line, { undone, close }) {
  const problem = make("p.problem", { role: "alert" });
  const undo = make("button.second", { type: "button" }, "Undo");
  undo.addEventListener("click", () => {
    problem.textContent = "";
    const work = async () => {
      await teaching.ask(() => api.undo(entry.id));
      teaching.tell("Undone.");
      undone();
      await teaching.changed({ undone: entry.id });
    };
    attempt(undo, work, (message) => (problem.textContent = message));
  });
  const train = make("button.main", { type: "button" }, "Train");
  train.addEventListener("click", () => {
    close();
    teaching.go("train", { start: true });
  });
  return make(
    "div.taught",
    {},
    line,
    make("p.summary", {}, summaryOf(entry.diff)),
    diffView(entry.diff),
    problem,
    make("div.choices.save", {}, make("button.plain", { type: "button", onclick: close }, "Close"), undo, train),
  );
}
