// Work that may not succeed: what is said then, and where the keyboard is.

import { make } from "../../dom.js";

/**
 * What did not work, with a button to try again. The button goes away with what it says, so the
 * keyboard goes to the place's heading, where it is in one.
 *
 * @param {string} message
 * @param {(() => void)|null} [retry]  null: it cannot be tried again
 */
export function problem(message, retry = null) {
  const again = retry && make("button.plain", { type: "button" }, "Try again");
  again?.addEventListener("click", () => {
    again.closest(".place")?.querySelector("h2").focus({ preventScroll: true });
    retry();
  });
  return make("div.problem", { role: "alert" }, make("p", { dir: "auto" }, message), again);
}

/**
 * Do what a button is for; it cannot be pressed meanwhile. If that fails, the keyboard is at it again.
 *
 * @param {HTMLButtonElement} button
 * @param {() => Promise<void>} work
 * @param {(message: string) => void} failed
 */
export async function attempt(button, work, failed) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    failed(error.message);
    button.disabled = false;
    button.focus();
  }
}
