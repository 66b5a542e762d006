// What a message looks like: the user's, the assistant's with its buttons and pictures.

import { asText, hidden, make, share } from "./dom.js";

/** A message of the user's: a button that shows its turn. */
export function userBubble(text) {
  return make("button.bubble", { type: "button" }, hidden("You: "), make("span.text", { dir: "auto" }, text));
}

/**
 * What is written under a message of the user's: the intent, and where the server teaches a button
 * to correct it.
 */
export function understoodLine(user, correct) {
  const intent = user.parse_data?.intent;
  const named = [make("span", {}, intent?.name ?? ""), " ", make("span.number", {}, share(intent?.confidence))];
  const button = make("button.correct.teaches", { type: "button", onclick: correct }, "Correct", hidden(" this message"));
  return make("p.meta", {}, ...(intent?.name ? named : ["no intent"]), " ", canBeCorrected(user) && button);
}

/** Whether a message can be corrected: "/greet" says its intent itself. */
export function canBeCorrected(user) {
  const text = user?.text?.trim() ?? "";
  return text !== "" && !/^\/\S/.test(text);
}

/** The title of the button with which a text was sent; else the text. */
export function titleOf(text, saidBefore) {
  const button = saidBefore.flatMap(buttonsOf).find((b) => b.payload === text);
  return button?.title ?? text;
}

/** Buttons that a message of the assistant's offers, quick replies among them. */
export function buttonsOf(event) {
  const data = event.data ?? {};
  return [...(data.buttons ?? []), ...(data.quick_replies ?? [])].filter((b) => b && typeof b === "object");
}

/**
 * A message of the assistant's.
 *
 * @param {Object} event
 * @param {(payload: string) => void} choose  called with a button's text
 */
export function botBubble(event, choose) {
  const data = event.data ?? {};
  const parts = [];
  for (const text of (event.text ?? "").split("\n\n")) {
    if (!text.trim()) continue;
    const said = make("span.text", { dir: "auto" }, text.trim()); // its direction is its own
    parts.push(make("p.bubble", {}, hidden("Assistant: "), said));
  }
  if (data.image) parts.push(picture(data.image));
  for (const key of ["attachment", "elements", "custom"]) {
    const value = data[key];
    if (value && (typeof value === "string" || Object.keys(value).length)) parts.push(other(key, value));
  }
  const buttons = buttonsOf(event);
  if (buttons.length) {
    parts.push(
      make(
        "div.buttons",
        { role: "group", "aria-label": "Answers to choose from" },
        ...buttons.map((button) => offered(button, choose)),
      ),
    );
  }
  return make("div.bot", {}, ...parts);
}

function offered(button, choose) {
  const title = String(button.title ?? button.payload ?? button.url ?? "");
  const address = webAddress(button.url);
  if (address && !button.payload) return link(address, title);
  const payload = String(button.payload ?? title);
  return make("button", { type: "button", dir: "auto", onclick: () => choose(payload) }, title);
}

/** A picture; one of another host is loaded only when it is asked for. */
function picture(source) {
  const address = webAddress(source);
  if (!address) {
    return /^data:image\//.test(source) ? image(source) : other("image", source);
  }
  if (address.origin === location.origin) return image(address.href);
  const button = make("button", { type: "button" }, `Show the picture from ${address.host}`);
  const place = make("div.buttons", {}, button);
  button.addEventListener("click", () => place.replaceWith(image(address.href)));
  return place;
}

function image(source) {
  return make("img.picture", { src: source, alt: "Picture from the assistant", referrerpolicy: "no-referrer" });
}

function other(key, value) {
  const address = webAddress(value);
  if (address) return make("p.bubble", {}, link(address, address.href));
  return make(
    "details.bubble.data",
    {},
    make("summary", {}, key),
    make("pre", { dir: "auto" }, typeof value === "string" ? asText(value) : JSON.stringify(value, null, 2)),
  );
}

function link(address, text) {
  return make("a", { href: address.href, target: "_blank", rel: "noopener noreferrer", dir: "auto" }, text);
}

/** An address of the web; null for all else, such as "javascript:". */
function webAddress(text) {
  if (typeof text !== "string" || !/^(https?:|\/)/i.test(text)) return null;
  const address = URL.canParse(text, location.href) ? new URL(text, location.href) : null;
  return address && /^https?:$/.test(address.protocol) ? address : null;
}
