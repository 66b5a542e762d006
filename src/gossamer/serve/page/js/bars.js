// Numbers between 0 and 1 as bars. The numbers are there as text; the bars are for the eye.

import { make, share } from "./dom.js";

/**
 * A list of bars.
 *
 * @param {{name: string, value: number, isMain?: boolean}[]} rows
 * @param {string} label  what they are, for screen readers
 */
export function bars(rows, label) {
  return make("ul.bars", { "aria-label": label }, ...rows.map(barRow));
}

function barRow({ name, value, isMain = false }) {
  const fill = make("span.fill");
  fill.style.setProperty("--share", Math.max(0, Math.min(1, value || 0)));
  return make(
    isMain ? "li.main" : "li",
    {},
    make("span.name", { dir: "auto", title: name }, name),
    make("span.number", {}, share(value)),
    make("span.track", { "aria-hidden": "true" }, fill),
  );
}
