// The end of a form: save or cancel; and what is shown after it was saved.

import { make } from "../../dom.js";
import * as api from "../api.js";
import { diffView, summaryOf } from "./diff.js";

/**
 * Buttons that save and cancel.
 *
 * @param {Object} given
 * @param {import("../teaching.js").Teaching} given.teaching
 * @param {import("./preview.js").Preview} given.preview  shows what goes wrong
 * @param {() => Promise<Object>} given.save
 * @param {(entry: Object) => void} given.saved  with the server's answer
 * @param {() => void} given.cancel
 */
export function saveBar({ teaching, preview, save, saved, cancel }) {
  let [isReady, isBusy] = [false, false];
  const button = make("button.main", { type: "button", "aria-disabled": "true" }, "Teach");
  const show = () => button.setAttribute("aria-disabled", String(!isReady || isBusy));
  const setBusy = (busy) => {
    isBusy = busy;
    show();
  };
  button.addEventListener("click", async () => {
    if (!isReady || isBusy) return;
    setBusy(true);
    try {
      const entry = await teaching.ask(save);
      saved(entry);
      await teaching.changed();
    } catch (error) {
      preview.showFailure(error.message);
    }
    setBusy(false);
  });
  return {
    element: make("div.choices.save", {}, make("button.plain", { type: "button", onclick: cancel }, "Cancel"), button),
    setReady(ready) {
      isReady = ready;
      show();
    },
  };
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
  undo.addEventListener("click", async () => {
    undo.disabled = true;
    try {
      await teaching.ask(() => api.undo(entry.id));
      teaching.tell("Undone.");
      undone();
      await teaching.changed();
    } catch (error) {
      problem.textContent = error.message;
      undo.disabled = false;
    }
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
