// The place "Look": four ways to look at the model, one at a time.

import { make } from "../dom.js";
import * as api from "../teach/api.js";
import { drawConfusion } from "./confusion.js";
import { drawCoverage } from "./coverage.js";
import { LearningCurve } from "./curve.js";
import { drawLayers } from "./layers.js";
import { Shown } from "./shown.js";

export class Look {
  /**
   * @param {HTMLElement} section
   * @param {import("../teach/teaching.js").Teaching} teaching
   */
  constructor(section, teaching) {
    const shown = (name, ask, draw) => new Shown(teaching, { name, ask, draw });
    this.looks = {
      confusion: shown("Confusion", api.confusion, (answer) => drawConfusion(answer, teaching)),
      coverage: shown("Confidence", api.coverage, drawCoverage),
      curve: new LearningCurve(teaching),
      layers: shown("Layers", api.layers, drawLayers),
    };
    const names = {
      confusion: "Confusion",
      coverage: "Confidence",
      curve: "More examples?",
      layers: "Layers",
    };
    this.tabs = Object.entries(names).map(([key, name]) => this.#tab(key, name));
    this.panels = Object.entries(this.looks).map(([key, { element }]) =>
      make(
        "div.look-panel",
        { role: "tabpanel", id: `look-${key}`, "aria-labelledby": `look-tab-${key}`, hidden: true },
        element,
      ),
    );
    section.append(
      make(
        "div.column.wide",
        {},
        make("div.tabs.look-tabs", { role: "tablist", "aria-label": "Look at" }, ...this.tabs),
        ...this.panels,
      ),
    );
    // Another model, or other data: what was seen is no longer so.
    teaching.addEventListener("change", () => this.loaded.clear());
    this.loaded = new Set();
    this.chosen = "confusion";
  }

  /** Called each time this place is gone to. */
  show() {
    this.#choose(this.chosen);
  }

  /** Called when another place is gone to. */
  leave() {
    const look = this.looks[this.chosen];
    if (look.running) this.loaded.delete(this.chosen);
    look.stop();
  }

  #tab(key, name) {
    const tab = make(
      "button",
      { type: "button", role: "tab", id: `look-tab-${key}`, "aria-controls": `look-${key}` },
      name,
    );
    tab.addEventListener("click", () => this.#choose(key));
    tab.addEventListener("keydown", (event) => {
      const here = this.tabs.indexOf(tab);
      const last = this.tabs.length - 1;
      const there = {
        ArrowLeft: here ? here - 1 : last,
        ArrowRight: here < last ? here + 1 : 0,
        Home: 0,
        End: last,
      }[event.key];
      if (there === undefined) return;
      event.preventDefault();
      this.tabs[there].click();
      this.tabs[there].focus();
    });
    return tab;
  }

  #choose(key) {
    if (key !== this.chosen) this.leave();
    this.chosen = key;
    for (const tab of this.tabs) {
      const isChosen = tab.id === `look-tab-${key}`;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    for (const panel of this.panels) panel.hidden = panel.id !== `look-${key}`;
    if (this.loaded.has(key)) return;
    this.loaded.add(key);
    this.looks[key].load();
  }
}
