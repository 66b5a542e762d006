// Places in a text. The server counts letters (code points); strings of JavaScript count halves of
// letters beyond the basic plane (UTF-16).

/** How many letters a string has. */
export function nLetters(text) {
  return Array.from(text).length;
}

/** The letters from one place to another. */
export function lettersOf(text, start, end) {
  return Array.from(text).slice(start, end).join("");
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/**
 * Words and what is between them, which together are the text.
 *
 * @param {string} text
 * @returns {{start: number, end: number, isWord: boolean}[]}  places count letters; emoji are words,
 *   punctuation and blanks are not
 */
export function wordsOf(text) {
  let start = 0;
  return [...segmenter.segment(text)].map(({ segment, isWordLike }) => {
    const isWord = isWordLike || !/^[\s\p{P}]*$/u.test(segment);
    const piece = { start, end: start + nLetters(segment), isWord };
    start = piece.end;
    return piece;
  });
}

/** A range without blanks at its ends; null if nothing is left. */
export function withoutBlanks(text, start, end) {
  const letters = Array.from(text);
  while (start < end && !letters[start].trim()) start += 1;
  while (start < end && !letters[end - 1].trim()) end -= 1;
  return start < end ? { start, end } : null;
}

/** The next place at which a letter as readers see it (with its accents, an emoji) begins or ends. */
export function nextEdge(text, place, by) {
  const seen = [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)];
  const edges = [0];
  for (const { segment } of seen) edges.push(edges.at(-1) + nLetters(segment));
  return by > 0 ? (edges.find((edge) => edge > place) ?? place) : (edges.findLast((edge) => edge < place) ?? place);
}

/**
 * What is selected on the screen, as places in the text.
 *
 * @param {Range} range
 * @param {HTMLElement} field  its elements with `data-start` hold one piece of the text each
 * @returns {{start: number, end: number}|null}
 */
export function placesOf(range, field) {
  let found = null;
  for (const piece of field.querySelectorAll("[data-start]")) {
    const node = piece.firstChild;
    if (!node || !range.intersectsNode(node)) continue;
    const from = range.startContainer === node ? range.startOffset : 0;
    const to = range.endContainer === node ? range.endOffset : node.data.length;
    if (to <= from) continue;
    const here = Number(piece.dataset.start);
    const start = here + nLetters(node.data.slice(0, from));
    const end = here + nLetters(node.data.slice(0, to));
    found = found ? { start: Math.min(found.start, start), end: Math.max(found.end, end) } : { start, end };
  }
  return found;
}
