// A sentence whose words can be selected, by pointer and by keyboard, to be marked as entities.

import { hidden, make } from "../../dom.js";
import { hueOf, labelOf } from "../../sentence.js";
import { lettersOf, nextEdge, nLetters, placesOf, withoutBlanks, wordsOf } from "../parts/letters.js";

export class Marking {
  /**
   * @param {string} text
   * @param {Object} listener
   * @param {(range: {start: number, end: number}|null) => void} listener.select  words were selected
   * @param {() => void} listener.mark  the selected words are to become an entity
   * @param {(number: number) => void} listener.edit  an entity was chosen
   * @param {(number: number) => void} listener.remove  an entity is to go
   */
  constructor(text, listener) {
    this.text = text;
    this.length = nLetters(text);
    this.words = wordsOf(text);
    this.listener = listener;
    this.entities = [];
    this.range = null;
    this.here = this.words.find((word) => word.isWord)?.start ?? 0; // where the keyboard is
    this.anchor = null; // the word from which the keyboard extends
    this.field = make("p.sentence.marking", {
      dir: "auto",
      role: "group",
      "aria-label": "Words of the message",
      "aria-describedby": "marking-keys",
    });
    this.element = make("div", {}, this.field, keysLine());
    this.field.addEventListener("keydown", (event) => this.#key(event));
    this.field.addEventListener("focusin", (event) => this.#moveTo(Number(event.target.dataset.start), false));
    this.field.addEventListener("click", (event) => this.#click(event));
    this.field.addEventListener("pointerdown", () => this.#press());
  }

  /** Show the sentence with these entities and selected words. */
  show(entities, range) {
    const hadFocus = this.field.contains(document.activeElement);
    this.entities = entities;
    this.range = range;
    const cuts = new Set(this.words.flatMap(({ start, end }) => [start, end]));
    for (const { start, end } of [...entities, ...(range ? [range] : [])]) cuts.add(start).add(end);
    const edges = [...cuts].sort((a, b) => a - b);
    const parts = [];
    let mark = null;
    for (let i = 0; i + 1 < edges.length; i += 1) {
      const [start, end] = [edges[i], edges[i + 1]];
      const number = entities.findIndex((entity) => entity.start <= start && end <= entity.end);
      const piece = this.#piece(start, end);
      if (number < 0) {
        parts.push(piece);
        continue;
      }
      const entity = entities[number];
      if (start === entity.start) {
        mark = make(`mark.${hueOf(entity.entity)}`, { "data-number": number });
        parts.push(mark);
      }
      mark.append(piece);
      if (end === entity.end) {
        mark.append(make(`span.label.${hueOf(entity.entity)}`, {}, hidden(" ("), labelOf(entity), hidden(") ")));
      }
    }
    this.field.replaceChildren(...parts);
    this.#moveTo(this.here, hadFocus);
  }

  /** Move the keyboard to the words. */
  focus() {
    this.#moveTo(this.range?.start ?? this.here, true);
  }

  #piece(start, end) {
    const text = lettersOf(this.text, start, end);
    const isWord = this.words.some((word) => word.isWord && word.start <= start && end <= word.end);
    const isSelected = this.range !== null && this.range.start <= start && end <= this.range.end;
    const kind = `span${isWord ? ".word" : ""}${isSelected ? ".selected" : ""}`;
    const button = isWord ? { role: "button", "aria-pressed": String(isSelected), tabindex: -1 } : {};
    return make(kind, { ...button, "data-start": start }, text);
  }

  #moveTo(place, hasFocus) {
    const words = [...this.field.querySelectorAll(".word")];
    for (const word of words) word.tabIndex = -1;
    const here = words.findLast((word) => Number(word.dataset.start) <= place) ?? words[0];
    if (!here) return;
    this.here = Number(here.dataset.start);
    here.tabIndex = 0;
    if (hasFocus) here.focus();
  }

  /** The whole word at a place. */
  #wordAt(place) {
    return this.words.find((word) => word.start <= place && place < word.end);
  }

  #entityAt(place) {
    return this.entities.findIndex((entity) => entity.start <= place && place < entity.end);
  }

  #select(range) {
    this.listener.select(range && withoutBlanks(this.text, range.start, range.end));
  }

  // ---- by keyboard ----------------------------------------------------------------------------

  #key(event) {
    const keys = {
      " ": () => this.#toggle(this.here),
      Enter: () => this.#enter(),
      Delete: () => this.#remove(),
      Backspace: () => this.#remove(),
      Escape: () => this.range !== null && this.#select(null),
      Home: () => this.#step(-this.length, event.shiftKey),
      End: () => this.#step(this.length, event.shiftKey),
    };
    const isRightToLeft = getComputedStyle(this.field).direction === "rtl";
    const by = { ArrowRight: isRightToLeft ? -1 : 1, ArrowLeft: isRightToLeft ? 1 : -1 }[event.key];
    if (by && event.altKey && event.shiftKey) this.#stretch(by);
    else if (by) this.#step(by, event.shiftKey);
    else if (!keys[event.key] || keys[event.key]() === false) return;
    event.preventDefault();
  }

  #step(by, isExtending) {
    const words = this.words.filter((word) => word.isWord);
    const now = words.findIndex((word) => word.start <= this.here && this.here < word.end);
    const there = words[Math.max(0, Math.min(words.length - 1, now + by))];
    if (!there) return;
    if (isExtending) {
      this.anchor ??= words[now];
      const [first, last] = this.anchor.start <= there.start ? [this.anchor, there] : [there, this.anchor];
      this.here = there.start;
      this.#select({ start: first.start, end: last.end });
    } else {
      this.anchor = null;
    }
    this.#moveTo(there.start, true);
  }

  /** Make the selection end one letter later or earlier. */
  #stretch(by) {
    const range = this.range ?? this.#wordAt(this.here);
    if (!range) return;
    const end = nextEdge(this.text, range.end, by);
    if (end > range.start) this.listener.select({ start: range.start, end });
  }

  #enter() {
    const number = this.#entityAt(this.here);
    if (number >= 0 && this.range === null) this.listener.edit(number);
    else {
      if (this.range === null) this.#select(this.#wordAt(this.here) ?? null);
      this.listener.mark();
    }
  }

  #remove() {
    const number = this.#entityAt(this.here);
    if (number < 0) return false;
    this.listener.remove(number);
    return true;
  }

  // ---- by pointer -----------------------------------------------------------------------------

  /** Words that could have the keyboard would not let the pointer select over them, in Chromium. */
  #press() {
    for (const word of this.field.querySelectorAll(".word")) word.removeAttribute("tabindex");
    const end = () => {
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      setTimeout(() => {
        this.#moveTo(this.here, false);
        this.#takeSelected();
      });
    };
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  #click(event) {
    const word = event.target.closest(".word");
    const mark = event.target.closest("mark");
    const place = Number(word?.dataset.start ?? NaN);
    if (word && getSelection().isCollapsed) {
      this.#moveTo(place, true);
      if (mark && this.range === null) this.listener.edit(Number(mark.dataset.number));
      else this.#toggle(place, event.shiftKey);
    } else if (mark && !word) this.listener.edit(Number(mark.dataset.number));
  }

  #takeSelected() {
    const selection = getSelection();
    if (selection.isCollapsed || !selection.rangeCount || !this.field.isConnected) return;
    const found = placesOf(selection.getRangeAt(0), this.field);
    if (!found) return;
    selection.removeAllRanges();
    this.here = found.start;
    this.#select(found);
  }

  /** A word more or less: one beside the selection is added, one at its edge is taken out. */
  #toggle(place, isExtending = false) {
    const word = this.#wordAt(place);
    if (!word) return;
    const { range } = this;
    this.anchor = null;
    if (range === null) this.#select(word);
    else if (range.start <= word.start && word.end <= range.end) {
      if (range.start === word.start) this.#select(word.end < range.end ? { start: word.end, end: range.end } : null);
      else this.#select({ start: range.start, end: word.start });
    } else if (isExtending || this.#isBeside(word, range)) {
      this.#select({ start: Math.min(range.start, word.start), end: Math.max(range.end, word.end) });
    } else this.#select(word);
  }

  #isBeside(word, range) {
    const [first, last] = word.start < range.start ? [word.end, range.start] : [range.end, word.start];
    return !this.words.some((other) => other.isWord && first <= other.start && other.end <= last);
  }
}

function keysLine() {
  const key = (name) => make("kbd", {}, name);
  return make(
    "p.keys",
    { id: "marking-keys" },
    "Select words to mark them. ",
    make("span.by-keys", {}, key("←"), " ", key("→"), " move, "),
    make("span.by-keys", {}, key("Shift"), " with them selects, "),
    make("span.by-keys", {}, key("Alt"), " too: by letters; "),
    make("span.by-keys", {}, key("Enter"), " marks or edits, "),
    make("span.by-keys", {}, key("Delete"), " takes out."),
  );
}
