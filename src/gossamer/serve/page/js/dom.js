// Making elements. Whatever comes from outside becomes text, never HTML.

/**
 * An element with attributes and children.
 *
 * @param {string} name  "li", or "li.turn.open" with classes
 * @param {Object} [attributes]  `on…` are listeners; null, undefined and false are left out
 * @param {...(Node|string|number|null|undefined|false)} children  strings and numbers become text; null,
 *   undefined and false are left out
 */
export function make(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (isNothing(value)) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => !isNothing(child)));
  return element;
}

function isNothing(value) {
  return value === null || value === undefined || value === false;
}

/** Text for screen readers only. */
export function hidden(text) {
  return make("span.hidden", {}, text);
}

/** A value as short text: strings and lists of them as they are, all else as JSON. */
export function asText(value) {
  if (typeof value === "string") return value;
  const isPlain = Array.isArray(value) && value.length && value.every((part) => typeof part === "string");
  return isPlain ? value.join(", ") : JSON.stringify(value);
}

/** A number between 0 and 1 with two digits; never "1.00" for less than 1. */
export function share(number) {
  if (typeof number !== "number" || !Number.isFinite(number)) return "";
  if (number < 1 && number >= 0.995) return "0.99";
  return number.toFixed(2);
}

/** "1 message", "2 messages". */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
