// The confusion matrix as a grid: arrow keys move through it, Enter opens the messages of a cell.

import { hidden, make } from "../dom.js";

export class Grid {
  /**
   * @param {{intents: string[], cells: Object[], none: string, open: (cell: Object, opener: HTMLElement) => void}} matrix
   *   `none` is what the column of messages without an answer is called
   */
  constructor({ intents, cells, none, open }) {
    this.columns = cells.some((cell) => cell.predicted === null) ? [...intents, null] : intents;
    this.table = make("table.grid", { role: "grid", "aria-labelledby": "grid-title" });
    this.places = []; // the focusable part of each cell, by row and column
    const found = new Map(cells.map((cell) => [key(cell.expected, cell.predicted), cell]));
    const totals = new Map();
    for (const cell of cells) totals.set(cell.expected, (totals.get(cell.expected) ?? 0) + cell.n);
    const head = this.columns.map((name) =>
      make(
        "th",
        { role: "columnheader", scope: "col", title: name ?? none },
        make("span", { dir: "auto" }, name ?? none),
      ),
    );
    this.table.append(
      make(
        "thead",
        { role: "rowgroup" },
        make("tr", { role: "row" }, make("td", { role: "gridcell" }, hidden("expected")), ...head),
      ),
      make(
        "tbody",
        { role: "rowgroup" },
        ...intents.map((expected) => this.#row(expected, found, totals.get(expected), none, open)),
      ),
    );
    this.element = make("div.grid-scroll", {}, this.table);
    this.#move(0, 0, false);
    this.table.addEventListener("keydown", (event) => this.#onKey(event));
    this.table.addEventListener("focusin", (event) => this.#onFocus(event));
  }

  #row(expected, found, total, none, open) {
    const places = [];
    const row = make(
      "tr",
      { role: "row" },
      make("th", { role: "rowheader", scope: "row", dir: "auto", title: expected }, expected),
    );
    for (const predicted of this.columns) {
      const cell = found.get(key(expected, predicted));
      const place = cell ? cellButton(cell, predicted ?? none, open) : null;
      const kind = !cell ? "" : expected === predicted ? ".right" : ".wrong";
      const box = make(`td${kind}`, { role: "gridcell" }, place);
      if (cell) box.style.setProperty("--share", (cell.n / total).toFixed(3));
      if (!place) box.tabIndex = -1;
      places.push(place ?? box);
      row.append(box);
    }
    this.places.push(places);
    return row;
  }

  #onFocus(event) {
    for (const [i, row] of this.places.entries()) {
      const j = row.indexOf(event.target);
      if (j >= 0) this.#move(i, j, false);
    }
  }

  #onKey(event) {
    const [row, column] = this.at;
    const there = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [event.ctrlKey ? 0 : row, 0],
      End: [event.ctrlKey ? this.places.length - 1 : row, this.columns.length - 1],
    }[event.key];
    if (!there) return;
    event.preventDefault();
    this.#move(...there, true);
  }

  /** Make a cell the one that Tab comes to. */
  #move(row, column, withFocus) {
    if (!this.places.length) return;
    row = Math.max(0, Math.min(this.places.length - 1, row));
    column = Math.max(0, Math.min(this.columns.length - 1, column));
    if (this.at) this.places[this.at[0]][this.at[1]].tabIndex = -1;
    this.at = [row, column];
    const place = this.places[row][column];
    place.tabIndex = 0;
    if (withFocus) place.focus();
  }
}

function key(expected, predicted) {
  return JSON.stringify([expected, predicted]);
}

function cellButton(cell, predicted, open) {
  const said = cell.expected === cell.predicted ? " right" : ` ${cell.expected} taken for ${predicted}`;
  const button = make("button", { type: "button", tabindex: -1 }, String(cell.n), hidden(said));
  button.addEventListener("click", () => open(cell, button));
  return button;
}
