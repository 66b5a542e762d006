// All events of a conversation, each with its JSON.

import { asText, make } from "./dom.js";

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const LINES = {
  user: (event) => event.text ?? "",
  bot: (event) => event.text ?? Object.keys(event.data ?? {}).join(", "),
  action: (event) => event.name ?? event.action_text ?? "",
  slot: (event) => `${event.name} = ${asText(event.value ?? null)}`,
  active_loop: (event) => (event.name ? `${event.name} begins` : "ends"),
  followup: (event) => event.name,
  reminder: (event) => event.name,
};

const EFFECTS = {
  bot: (event) => `says “${LINES.bot(event)}”`,
  slot: (event) => `sets ${LINES.slot(event)}`,
  active_loop: (event) => (event.name ? `begins ${event.name}` : "ends the form"),
  followup: (event) => `asks for ${event.name}`,
  restart: () => "begins anew",
  session_started: () => "begins a session",
};

/** What an event says, after an action did it; null for those that say nothing to a reader. */
export function oneLine(event) {
  return EFFECTS[event.event]?.(event) ?? null;
}

/** The list of events. It grows with the conversation and is not drawn again. */
export class Timeline {
  constructor() {
    this.list = make("ol.timeline", {});
    this.shown = 0;
  }

  /** Show all events, with those of the turn that is looked at marked. */
  show(events, turn) {
    if (events.length < this.shown) {
      this.list.replaceChildren();
      this.shown = 0;
    }
    this.list.append(...events.slice(this.shown).map(eventRow));
    this.shown = events.length;
    const here = new Set(turn ? turn.events.map((event) => event.number) : []);
    [...this.list.children].forEach((row, number) => row.classList.toggle("here", here.has(number)));
  }
}

function eventRow(event) {
  const summary = make(
    "summary",
    {},
    make("span.kind", {}, event.event.replaceAll("_", " ")),
    make("span.line", { dir: "auto" }, LINES[event.event]?.(event) ?? ""),
    make("time", {}, event.timestamp ? clock.format(event.timestamp * 1000) : ""),
  );
  const details = make("details", {}, summary);
  details.addEventListener(
    "toggle",
    () => {
      const json = JSON.stringify(event, null, 2);
      details.append(make("pre", { tabindex: 0, role: "group", "aria-label": "JSON of the event" }, json));
    },
    { once: true },
  );
  return make(`li.is-${event.event.replaceAll(/[^a-z_]/g, "")}`, {}, details);
}
