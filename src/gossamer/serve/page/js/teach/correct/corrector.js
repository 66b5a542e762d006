// Correcting what is shown of a conversation: opens the panel, keeps what was begun.

import { canBeCorrected } from "../../bubbles.js";
import { make } from "../../dom.js";
import { Panel } from "../parts/panel.js";
import { taughtView } from "../parts/saving.js";
import { MessageForm, messageLine } from "./message.js";
import { StoryForm, storyLine } from "./story.js";

const OF_TURN = "turn "; // how the names of turns begin, among what a panel can be open for

const byId = (id) => document.getElementById(id);

export class Corrector {
  /** @param {import("../teaching.js").Teaching} teaching */
  constructor(teaching) {
    this.teaching = teaching;
    this.panel = new Panel(byId("understood"), byId("cards"));
    this.drafts = new Map(); // forms that were left without an end, by what they are for
    this.taught = new Map(); // what was taught here: `id`, `conversation`, `correction`, by the message
    teaching.addEventListener("change", ({ detail }) => this.#forget(detail.undone));
  }

  /** Correct the message of a turn. */
  message(conversation, turn) {
    if (!canBeCorrected(turn?.user)) return;
    const owner = keyOf(conversation, turn);
    const draft = `message ${owner}`;
    const form = this.#draft(draft, () => {
      return new MessageForm(this.teaching, { ...turn.user, sender: conversation.id }, {
        saved: (entry, correction) => {
          this.drafts.delete(draft);
          this.taught.set(owner, { id: entry.id, conversation, correction });
          this.#mark(conversation, owner, true);
          this.#taught("Taught", entry, messageLine(correction));
        },
        cancel: () => this.#cancel(draft),
      });
    });
    this.panel.open(owner, "Correct the message", form.element);
    this.#enter(form);
  }

  /**
   * Correct what was done in a turn.
   *
   * @param {number|null} action  the number of the action that was wrong; null: none is named
   */
  dialogue(conversation, turn, action) {
    if (!turn) return;
    const owner = keyOf(conversation, turn);
    const draft = `story ${owner} ${action}`;
    const form = this.#draft(draft, () => {
      const correctionOf = (one) => this.taught.get(keyOf(conversation, one))?.correction ?? null;
      return new StoryForm(this.teaching, conversation, turn, action, correctionOf, {
        saved: (entry, correction) => {
          this.drafts.delete(draft);
          this.#taught("Taught", entry, storyLine(correction));
        },
        cancel: () => this.#cancel(draft),
      });
    });
    this.panel.open(owner, "Correct the dialogue", form.element);
    this.#enter(form);
  }

  /**
   * Correct a stored message, in any place.
   *
   * @param {{text: string, parse: Object, sender?: string}} message  `parse`: what the model says of it
   * @returns {Promise<Object|null>}  the server's answer; null: nothing was taught
   */
  text({ text, parse, sender }) {
    const owner = `text ${text}`;
    const form = this.#draft(owner, () => {
      return new MessageForm(this.teaching, { text, parse_data: parse, sender }, {
        saved: (entry) => {
          this.drafts.delete(owner);
          form.answer(entry);
          if (this.panel.owner === owner) this.panel.close(true);
        },
        cancel: () => this.#cancel(owner),
      });
    });
    return new Promise((resolve) => {
      form.answer = resolve; // who asked last gets the answer
      const closed = () => {
        form.end();
        resolve(null);
      };
      this.panel.open(owner, "Correct the message", form.element, closed);
      this.#enter(form);
    });
  }

  /** Another turn is looked at: what was begun is kept for when its turn is corrected again. */
  looked(conversation, turn) {
    const { owner } = this.panel;
    if (owner?.startsWith(OF_TURN) && owner !== keyOf(conversation, turn)) this.panel.close(true);
  }

  /** Move the keyboard into a form; one on the screen does not open for it. */
  #enter(form) {
    if (matchMedia("(pointer: coarse)").matches) this.panel.title.focus();
    else form.focus();
  }

  #draft(key, begin) {
    if (this.drafts.has(key)) this.drafts.get(key).refresh();
    else this.drafts.set(key, begin());
    return this.drafts.get(key);
  }

  #cancel(key) {
    this.drafts.get(key)?.end();
    this.drafts.delete(key);
    this.panel.close();
  }

  #taught(title, entry, line) {
    const view = taughtView(this.teaching, entry, line, {
      undone: () => {
        this.#forget(entry.id);
        this.panel.close();
      },
      close: () => this.panel.close(),
    });
    this.panel.fill(title, view);
    this.panel.title.focus();
    this.teaching.tell("Taught.");
  }

  /** A change was undone, here or elsewhere: what it taught of a message does not count any more. */
  #forget(id) {
    for (const [owner, one] of this.taught) {
      if (one.id !== id) continue;
      this.taught.delete(owner);
      this.#mark(one.conversation, owner, false);
    }
  }

  /** Say beside the message that it was taught. */
  #mark(conversation, owner, isTaught) {
    const turn = conversation.turns.find((one) => keyOf(conversation, one) === owner); // as it is now
    const row = turn && this.teaching.page.rowOf(turn);
    row?.querySelector(".was-taught")?.remove();
    if (isTaught) row?.querySelector(".meta")?.append(make("span.was-taught", {}, " taught"));
  }
}

function keyOf(conversation, turn) {
  return OF_TURN + JSON.stringify([conversation.id, turn?.user?.number ?? turn?.events[0]?.number ?? null]);
}
