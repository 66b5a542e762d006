// The left side: the messages. It only grows, so that screen readers are told of new ones alone.

import { botBubble, titleOf, understoodLine, userBubble } from "./bubbles.js";
import { make } from "./dom.js";

const NEW_SESSION = { session_started: "New session", restart: "Conversation begun anew" };

export class Talk {
  /**
   * @param {HTMLElement} log
   * @param {{select: (turn: number) => void, open: (turn: number) => void, say: (text: string) => void,
   *   correct: (turn: number) => void}} listener  `select` when the keyboard moves to a message, `open`
   *   when it is clicked
   */
  constructor(log, listener) {
    this.log = log;
    this.listener = listener;
    this.welcome = log.firstElementChild;
    this.list = make("ol.turns");
    this.rows = [];
    this.waiting = null; // the row of a message that has no answer yet
    log.append(this.list);
    this.list.addEventListener("load", () => this.#toEnd(), true); // pictures, when they are there
    this.list.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Take everything away. */
  clear() {
    this.rows = [];
    this.waiting = null;
    this.list.replaceChildren();
    this.#showWelcome();
  }

  /** Add the turns that are not shown yet. */
  show(turns) {
    for (let i = this.rows.length; i < turns.length; i += 1) this.#add(turns, i);
    this.rows.forEach((row, i) => offer(row, i === turns.length - 1 && !this.waiting));
    this.#showWelcome();
  }

  /** Show a message that is on its way. */
  showWaiting(text, turns) {
    const bubble = userBubble(titleOf(text, turns.at(-1)?.said ?? []));
    bubble.disabled = true;
    const dots = make("div.typing", { "aria-hidden": "true" }, make("span"), make("span"), make("span"));
    this.waiting = make("li.turn.waiting", { "aria-live": "off" }, bubble, make("p.meta", {}, "sending"), dots);
    this.rows.forEach((row) => offer(row, false));
    this.list.append(this.waiting);
    this.#showWelcome();
    this.#toEnd();
  }

  /** Say that it was not answered, and offer to send it again. */
  showFailure(message, { retry, edit }) {
    const row = this.waiting;
    row.classList.add("failed");
    row.querySelector(".typing").remove();
    row.querySelector(".meta").textContent = "not answered";
    const again = make("button", { type: "button" }, "Try again");
    const change = make("button", { type: "button" }, "Edit");
    again.addEventListener("click", retry);
    change.addEventListener("click", edit);
    row.append(
      make("div.failure", { role: "alert" }, make("p", { dir: "auto" }, message), make("div.buttons", {}, again, change)),
    );
    this.#toEnd();
    if (!isTyping()) again.focus();
  }

  /** Take the waiting message away, or leave it for the turn that it becomes. */
  endWaiting() {
    this.waiting?.remove();
    this.waiting = null;
  }

  /** Mark a turn as the one that is looked at. */
  mark(number) {
    this.rows.forEach((row, i) => {
      const bubble = row.querySelector(":scope > .bubble");
      if (!bubble) return;
      bubble.setAttribute("aria-pressed", String(i === number));
      for (const button of [bubble, ...row.querySelectorAll(".correct")]) button.tabIndex = i === number ? 0 : -1;
      row.classList.toggle("looked-at", i === number);
    });
  }

  /** Move the keyboard to a turn's message. */
  focus(number) {
    const bubble = this.rows[number]?.querySelector(":scope > .bubble");
    bubble?.focus();
    bubble?.scrollIntoView({ block: "nearest" });
  }

  #add(turns, i) {
    const turn = turns[i];
    const row = make("li.turn");
    for (const event of turn.events) {
      if (NEW_SESSION[event.event] && event.number > 2) row.append(make("p.divider", {}, NEW_SESSION[event.event]));
    }
    const bubble = turn.user
      ? userBubble(titleOf(turn.user.text ?? "", turns[i - 1]?.said ?? []))
      : make("button.bubble.begin", { type: "button" }, i ? "Without a message" : "Beginning");
    bubble.addEventListener("click", () => this.listener.open(i));
    row.append(bubble);
    if (turn.user) row.append(understoodLine(turn.user, () => this.listener.correct(i)));
    row.append(...turn.said.map((event) => botBubble(event, this.listener.say)));
    this.rows.push(row);
    this.list.insertBefore(row, this.waiting);
    this.#toEnd();
  }

  #move(event) {
    const bubble = event.target.closest(".turn > .bubble");
    const here = this.rows.indexOf(bubble?.parentElement);
    if (here < 0) return;
    if (event.key === "c" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.listener.correct(here);
      return;
    }
    const last = this.rows.length - 1;
    const there = { ArrowUp: here - 1, ArrowDown: here + 1, Home: 0, End: last }[event.key];
    if (there === undefined) return;
    event.preventDefault();
    if (there > last) {
      document.getElementById("say").focus();
    } else if (there >= 0) {
      this.listener.select(there);
      this.focus(there);
    }
  }

  #showWelcome() {
    this.welcome.hidden = this.list.childElementCount > 0;
  }

  #toEnd() {
    const scroller = this.log.parentElement;
    scroller.scrollTop = scroller.scrollHeight;
  }
}

/** Whether the next message is being written: then the keyboard stays there. */
function isTyping() {
  const input = document.getElementById("say");
  return document.activeElement === input && input.value !== "";
}

/** Only the last answers can be chosen; earlier ones say what was offered. */
function offer(row, isLast) {
  row.classList.toggle("last", isLast);
  for (const button of row.querySelectorAll('.bot [role="group"] > button')) button.disabled = !isLast;
}
