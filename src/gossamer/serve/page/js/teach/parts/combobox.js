// A field with a list to choose from, that is searched by typing (ARIA APG: editable combobox with
// list autocomplete).

import { make } from "../../dom.js";

const MOST_SHOWN = 60;
let nMade = 0;

/**
 * @typedef {Object} Choice
 * @property {string} name
 * @property {string} [note]  shown beside it: a number of examples, a confidence
 */

export class Combobox {
  /**
   * @param {Object} given
   * @param {string} given.label
   * @param {() => Choice[]} given.choices  in the order in which they are shown
   * @param {string} [given.value]
   * @param {string} [given.newNote]  what a name that is none of the choices is, such as "new intent";
   *   without it only choices can be chosen
   * @param {string} [given.placeholder]
   * @param {(value: string) => void} given.change
   */
  constructor({ label, choices, value = "", newNote = "", placeholder = null, change }) {
    this.choices = choices;
    this.newNote = newNote;
    this.change = change;
    this.value = value;
    this.active = -1;
    const id = `choose-${(nMade += 1)}`;
    this.id = id;
    this.input = make("input", {
      id,
      role: "combobox",
      dir: "auto",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      placeholder,
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      "aria-controls": `${id}-list`,
      "aria-describedby": `${id}-note`,
    });
    this.list = make("ul.choose-list", { id: `${id}-list`, role: "listbox", "aria-label": label, hidden: true });
    this.note = make("span.choose-note", { id: `${id}-note` });
    this.element = make(
      "div.choose",
      {},
      make("label", { for: id }, label),
      make("div.choose-field", {}, this.input, this.list),
      this.note,
    );
    this.set(value);
    this.#listen();
  }

  /** Show a value without telling of a change. */
  set(value) {
    this.value = value;
    if (this.input.value !== value) this.input.value = value; // else a selection elsewhere would end
    this.#showNote();
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  #listen() {
    const { input, list } = this;
    input.addEventListener("input", () => this.#open(true));
    input.addEventListener("click", () => (list.hidden ? this.#open(false) : this.#close()));
    input.addEventListener("keydown", (event) => this.#key(event));
    input.addEventListener("blur", () => this.#leave());
    list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the keyboard
    list.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.#choose(this.shown[[...list.children].indexOf(row)].name);
    });
  }

  #key(event) {
    if (event.isComposing) return;
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const by = event.key === "ArrowDown" ? 1 : -1;
      if (isOpen) this.#activate((this.active + by + this.shown.length) % Math.max(this.shown.length, 1));
      else {
        this.#open(false);
        if (this.active < 0) this.#activate(by > 0 ? 0 : this.shown.length - 1);
      }
    } else if (event.key === "Enter") {
      if (!isOpen) return;
      event.preventDefault();
      if (this.active >= 0) this.#choose(this.shown[this.active].name);
      else this.#leave();
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      this.set(this.value);
      this.#close();
    }
  }

  #open(isTyped) {
    const words = isTyped ? this.input.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    const known = this.choices();
    const found = known.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
    const typed = this.input.value.trim();
    if (isTyped) found.sort((a, b) => (b.name === typed) - (a.name === typed)); // in full: it is not cut off
    const isNew = isTyped && this.newNote && typed && !known.some(({ name }) => name === typed);
    this.shown = found.slice(0, MOST_SHOWN);
    if (isNew) this.shown.push({ name: typed, note: this.newNote, isNew: true });
    this.list.replaceChildren(
      ...this.shown.map((choice, i) =>
        make(
          choice.isNew ? "li.is-new" : "li",
          { role: "option", id: `${this.id}-${i}`, "aria-selected": "false" },
          make("span.name", { dir: "auto" }, choice.name),
          choice.note && make("span.note", {}, choice.note),
        ),
      ),
    );
    const isShown = this.shown.length > 0;
    this.list.hidden = !isShown;
    this.input.setAttribute("aria-expanded", String(isShown));
    const exact = this.shown.findIndex(({ name, isNew: isMade }) => name === typed && !isMade);
    this.#activate(exact >= 0 ? exact : isTyped && isShown && typed ? 0 : -1);
    if (isShown) this.list.scrollIntoView({ block: "nearest" });
  }

  #activate(number) {
    this.list.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = number;
    const row = this.list.children[number];
    if (row) {
      row.setAttribute("aria-selected", "true");
      this.input.setAttribute("aria-activedescendant", row.id);
      row.scrollIntoView({ block: "nearest" });
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  #close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.#activate(-1);
  }

  /** The choice that is marked counts when the field is left, else what was typed, if it can be chosen. */
  #leave() {
    const marked = this.list.hidden ? null : this.shown[this.active]?.name;
    this.#close();
    const typed = marked ?? this.input.value.trim();
    const isKnown = this.choices().some(({ name }) => name === typed);
    if (typed === this.value) this.set(typed);
    else if (isKnown || this.newNote || !typed) this.#choose(typed);
    else this.set(this.value);
  }

  #choose(name) {
    const isChange = name !== this.value;
    this.set(name);
    this.#close();
    if (isChange) this.change(name);
  }

  #showNote() {
    const known = this.choices().find(({ name }) => name === this.value);
    this.note.textContent = known?.note ?? (this.value && this.newNote ? this.newNote : "");
  }
}
