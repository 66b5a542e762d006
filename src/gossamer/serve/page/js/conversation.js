// A conversation: its events, and the turns that they make. Events alone say what happened;
// what every policy thought comes with the answer to a message and is not stored by the server.

export class Conversation {
  constructor(id) {
    this.id = id;
    this.isRestored = false;
    this.events = [];
    this.slots = {};
    this.reasons = new Map(); // by the message's id: the actions as the server answered them
    this.turns = [];
  }

  /** Take a stored conversation in place of what is here; the reasons known stay. */
  restore(tracker) {
    this.events = tracker.events ?? [];
    this.slots = tracker.slots ?? {};
    this.isRestored = true;
    this.turns = turnsOf(this.events, this.slots, this.reasons);
  }

  /**
   * Take the answer to a message.
   *
   * @returns {boolean} whether it says what happened; if not, the message was answered before and
   *   the stored conversation has it
   */
  append(answer, messageId) {
    if (!answer.events?.length) return false;
    // A session that began when it was asked for, and is not stored, begins again with the answer.
    const beginsAgain = isBegin(answer.events[0]) && !this.events.some((event) => event.event === "user");
    this.events = beginsAgain ? answer.events : this.events.concat(answer.events);
    this.slots = answer.slots ?? this.slots;
    this.reasons.set(messageId, answer.actions ?? []);
    this.turns = turnsOf(this.events, this.slots, this.reasons);
    return true;
  }
}

/**
 * @typedef {Object} Turn
 * @property {Object|null} user  the event of the message; null before the first one
 * @property {Object[]} events  all of the turn, with `number`, its place in the conversation
 * @property {Object[]} said  the assistant's messages
 * @property {Object[]} actions  name, policy, confidence, predictions, events, problem
 * @property {Object} slots  values after the turn
 * @property {Map<string, *>} changed  slots that have other values than before: the old ones
 */

/** @returns {Turn[]} */
function turnsOf(events, slotsNow, reasons) {
  let slots = firstSlots(events, slotsNow);
  return pieces(events).map((piece) => {
    const before = slots;
    slots = piece.reduce((values, event) => slotsAfter(values, event), slots);
    const user = piece.find((event) => event.event === "user") ?? null;
    return {
      user,
      events: piece,
      said: piece.filter((event) => event.event === "bot"),
      actions: actionsOf(piece, reasons.get(user?.message_id)),
      slots,
      changed: changedSlots(before, slots),
    };
  });
}

/** Events cut at the user's messages. The beginning of a session belongs to what follows it. */
function pieces(events) {
  const cut = [];
  let piece = [];
  events.forEach((event, number) => {
    if (event.event === "user" && piece.length) {
      const begin = sessionBegin(piece);
      if (begin > 0) cut.push(piece.slice(0, begin));
      piece = piece.slice(begin);
    }
    piece.push({ ...event, number });
  });
  const last = piece.slice(0, sessionBegin(piece)); // a session in which nobody spoke is no turn
  return last.length ? [...cut, last] : cut;
}

function isBegin(event) {
  return event.name === "action_session_start";
}

/** Where a session begins in which nothing was said yet; else the end. */
function sessionBegin(piece) {
  const begin = piece.findLastIndex(isBegin);
  const isOpen = begin >= 0 && !piece.slice(begin).some((e) => e.event === "bot" || e.event === "user");
  return isOpen ? begin : piece.length;
}

/** Before anything happened: what no event has ever changed is as it is now. */
function firstSlots(events, slotsNow) {
  const touched = new Set(events.filter((event) => event.event === "slot").map((event) => event.name));
  const known = [...Object.keys(slotsNow), ...touched];
  return Object.fromEntries(known.map((name) => [name, touched.has(name) ? null : slotsNow[name]]));
}

function slotsAfter(slots, event) {
  if (event.event === "slot") return { ...slots, [event.name]: event.value };
  if (event.event === "restart" || event.event === "reset_slots") {
    return Object.fromEntries(Object.keys(slots).map((name) => [name, null]));
  }
  return slots;
}

function changedSlots(before, after) {
  const changed = Object.keys(after).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  return new Map(changed.map((name) => [name, before[name]]));
}

/** The actions of a turn: as the server gave its reasons, else as the events tell them. */
function actionsOf(events, reasons) {
  if (reasons?.length) return reasons;
  const actions = [];
  for (const event of events) {
    if (event.event === "action") {
      actions.push({
        name: event.name ?? event.action_text ?? "",
        policy: event.policy ?? null,
        confidence: event.confidence ?? null,
        predictions: [],
        events: [],
        problem: null,
      });
    } else if (event.event !== "user" && actions.length) {
      actions.at(-1).events.push(event);
    }
  }
  return actions;
}
