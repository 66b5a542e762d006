// A question for one value, in a dialog: the token, or another conversation's id.

const byId = (id) => document.getElementById(id);

let last = Promise.resolve(); // the question that was asked last
let tokenQuestion = null; // the question for a token, while it is not answered

/**
 * Ask for the token; all who ask before it is answered share one question.
 *
 * @returns {Promise<string|null>} null: it was not answered
 */
export function askForToken() {
  tokenQuestion ??= ask({
    title: "This server needs a token",
    text: "Requests must bring it. It is kept until this tab is closed.",
    label: "Token",
    ok: "Use it",
    isSecret: true,
  }).finally(() => (tokenQuestion = null));
  return tokenQuestion;
}

/**
 * Ask for a text. There is one dialog: a question waits until the one before it is over.
 *
 * @param {{title: string, text: string, label: string, ok: string, value?: string, isSecret?: boolean}} question
 * @returns {Promise<string|null>} null: it was not answered
 */
export function ask(question) {
  last = last.then(() => show(question));
  return last;
}

function show({ title, text, label, ok, value = "", isSecret = false }) {
  const dialog = byId("ask");
  byId("ask-title").textContent = title;
  byId("ask-text").textContent = text;
  byId("ask-label").textContent = label;
  byId("ask-ok").textContent = ok;
  const input = byId("ask-value");
  input.type = isSecret ? "password" : "text";
  input.value = value;
  return new Promise((resolve) => {
    let answer = null;
    const form = dialog.querySelector("form");
    form.onsubmit = (event) => {
      event.preventDefault();
      answer = input.value.trim() || null;
      dialog.close();
    };
    byId("ask-cancel").onclick = () => dialog.close();
    dialog.addEventListener("close", () => resolve(answer), { once: true });
    dialog.showModal();
    input.select();
  });
}
