// What is wrong with the project's files, each fault with its place.

import { make } from "../dom.js";

/**
 * @param {string|{message?: string, faults?: {file?: string, line?: number, message: string}[]}|null} error
 *   a text with a fault a line, or the faults
 */
export function faultList(error) {
  const faults = faultsOf(error);
  return make("ul.faults", { "aria-label": "Faults" }, ...faults.map(faultRow));
}

function faultsOf(error) {
  if (error?.faults?.length) return error.faults;
  const text = typeof error === "string" ? error : (error?.message ?? "Nothing is known of the reason.");
  return text
    .split("\n")
    .filter((line) => line.trim())
    .map((line) => {
      const place = /^(\S[^:\n]*?):(\d+): (.*)$/.exec(line); // "data/nlu.yml:12: an intent needs a name"
      return place ? { file: place[1], line: Number(place[2]), message: place[3] } : { message: line };
    });
}

function faultRow({ file, line, message }) {
  const where = [file, line].filter(Boolean).join(":");
  return make("li.problem", { dir: "auto" }, where && make("code.where", {}, where), where && " ", message);
}
