// Changes of files: lines that come and go, as text and in colour.

import { count, hidden, make } from "../../dom.js";

/**
 * The files of a unified diff.
 *
 * @param {string} diff
 * @returns {{path: string, isNew: boolean, lines: {sign: string, text: string}[]}[]}  `sign` is "+",
 *   "-", " ", or "…" where lines are left out
 */
export function filesOf(diff) {
  const files = [];
  let file = null;
  let [nOld, nNew] = [0, 0]; // lines that are left of a hunk
  for (const line of diff.split("\n")) {
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (nOld > 0 || nNew > 0) {
      const sign = line.charAt(0) || " ";
      if (sign === "\\") continue;
      if (sign !== "+") nOld -= 1;
      if (sign !== "-") nNew -= 1;
      file.lines.push({ sign, text: line.slice(1) });
    } else if (hunk && file) {
      [nOld, nNew] = [Number(hunk[1] ?? 1), Number(hunk[2] ?? 1)];
      if (file.lines.length) file.lines.push({ sign: "…", text: "" });
    } else if (line.startsWith("--- ")) {
      file = { path: pathOf(line), isNew: line.startsWith("--- /dev/null"), lines: [] };
      files.push(file);
    } else if (line.startsWith("+++ ") && file && file.isNew) {
      file.path = pathOf(line);
    }
  }
  return files;
}

function pathOf(line) {
  return line.slice(4).split("\t")[0].replace(/^[ab]\//, "");
}

/** "Adds 2 lines to data/nlu.yml": what a diff does, in a sentence. */
export function summaryOf(diff) {
  const files = filesOf(diff);
  if (!files.length) return "The project's files say so already.";
  const parts = files.map(({ path, isNew, lines }) => {
    const n = (sign) => lines.filter((line) => line.sign === sign).length;
    const added = n("+") && `adds ${count(n("+"), "line")}`;
    const gone = n("-") && `takes out ${count(n("-"), "line")}`;
    return `${[added, gone].filter(Boolean).join(" and ")} in ${path}${isNew ? ", a new file" : ""}`;
  });
  const text = parts.join("; ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

const SPOKEN = { "+": "added: ", "-": "taken out: ", " ": "" };

/** The diff, file by file. */
export function diffView(diff) {
  const files = filesOf(diff).map(({ path, lines }) =>
    make(
      "figure.diff",
      {},
      make("figcaption", { dir: "ltr" }, path),
      make("ol", { dir: "ltr", "aria-label": `Changes of ${path}` }, ...lines.map(lineRow)),
    ),
  );
  return make("div.diffs", {}, ...files);
}

function lineRow({ sign, text }) {
  if (sign === "…") return make("li.skipped", {}, "…");
  const kind = { "+": "li.added", "-": "li.gone" }[sign] ?? "li";
  return make(
    kind,
    {},
    make("span.sign", { "aria-hidden": "true" }, sign),
    SPOKEN[sign] ? hidden(SPOKEN[sign]) : null,
    make("code", {}, text),
  );
}
