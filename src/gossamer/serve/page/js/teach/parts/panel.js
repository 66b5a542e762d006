// Where something is corrected: in place of the cards; over the page on a narrow screen, and in
// places where no cards are.

import { make } from "../../dom.js";

const narrow = matchMedia("(max-width: 719px)"); // as in `style.css`

export class Panel {
  /**
   * @param {HTMLElement} side  the side of the page where the cards are
   * @param {HTMLElement} cards  hidden while the panel is there
   */
  constructor(side, cards) {
    this.side = side;
    this.cards = cards;
    this.owner = null; // what the panel is open for
    this.back = null; // where the keyboard was
    this.closed = () => {}; // called when it is closed
    this.title = make("h3", { id: "sheet-title", tabindex: -1 });
    this.content = make("div.sheet-content");
    const close = make("button.plain", { type: "button", "aria-label": "Close", onclick: () => this.close() }, cross());
    this.dialog = make(
      "dialog.sheet",
      { id: "sheet", "aria-labelledby": "sheet-title" },
      make("header", {}, this.title, close),
      this.content,
    );
    side.append(this.dialog);
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.close();
    });
    narrow.addEventListener("change", () => {
      if (this.owner !== null) this.#place();
    });
  }

  /**
   * Open it for something, with content; the keyboard goes back from where it came at the end.
   *
   * @param {string} owner
   * @param {string} title
   * @param {Node} content
   * @param {() => void} [closed]
   */
  open(owner, title, content, closed = () => {}) {
    if (this.owner === null) this.back = document.activeElement;
    else this.closed();
    this.owner = owner;
    this.closed = closed;
    this.fill(title, content);
    this.cards.hidden = true;
    this.#place();
    this.side.scrollTop = 0;
  }

  /** Show other content. */
  fill(title, content) {
    this.title.textContent = title;
    this.content.replaceChildren(content);
    this.dialog.scrollTop = 0;
  }

  /** Close it; `isQuiet`: the keyboard is elsewhere already. */
  close(isQuiet = false) {
    if (this.owner === null) return;
    this.owner = null;
    this.dialog.close();
    this.cards.hidden = false;
    if (!isQuiet && this.back?.isConnected && this.back.checkVisibility()) this.back.focus();
    else if (!isQuiet) this.side.focus();
    this.closed();
  }

  #place() {
    const here = this.dialog.contains(document.activeElement) ? document.activeElement : null;
    if (this.dialog.open) this.dialog.close();
    const isOver = narrow.matches || this.side.hidden;
    (isOver ? document.body : this.side).append(this.dialog);
    if (isOver) this.dialog.showModal();
    else this.dialog.show();
    here?.focus();
  }
}

function cross() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", "M5 5l10 10M15 5 5 15");
  svg.append(path);
  return svg;
}
