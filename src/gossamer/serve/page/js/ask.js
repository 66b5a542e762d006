// A question for one value, in a dialog: the token, or another conversation's id.

const byId = (id) => document.getElementById(id);

/**
 * Ask for a text.
 *
 * @param {{title: string, text: string, label: string, ok: string, value?: string, isSecret?: boolean}} question
 * @returns {Promise<string|null>} null: it was not answered
 */
export function ask({ title, text, label, ok, value = "", isSecret = false }) {
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
