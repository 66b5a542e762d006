// The page: what is said goes to the server, what comes back goes to both sides.

import * as api from "./api.js";
import { ask, askForToken } from "./ask.js";
import { Conversation } from "./conversation.js";
import { share } from "./dom.js";
import { Talk } from "./talk.js";
import { problem } from "./teach/parts/trying.js";
import { startTeaching } from "./teach/start.js";
import { Understood } from "./understood.js";
import { isNarrow, showView, startTabs } from "./views.js";

const byId = (id) => document.getElementById(id);

const input = byId("say");
const talk = new Talk(byId("log"), { select: look, open: lookClosely, say, correct: correctMessage });
const understood = new Understood(byId("cards"), {
  correctMessage: () => correctMessage(shownNumber()),
  correctDialogue: (action) => teaching?.corrector.dialogue(conversation, conversation.turns[shownNumber()], action),
});

let conversation = new Conversation("");
let selected = null; // the number of a turn; null: always the latest
let isBusy = false;
let teaching = null; // what teaching adds to the page, where the server teaches
let teachingBegins = null; // the promise of it; null: the server does not teach, as far as is known
let restored = Promise.resolve(); // when what the server has stored is here

// ---- the conversation -------------------------------------------------------------------------

function idInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

function titleOf(id) {
  return `${id} · Gossamer`;
}

/** Show another conversation: a new one, or one that the server has stored. */
async function open(id) {
  conversation = new Conversation(id);
  selected = null;
  byId("conversation").textContent = id;
  if (document.body.dataset.place === "talk") document.title = titleOf(id);
  if (idInAddress() !== id) history.replaceState(null, "", `#${encodeURIComponent(id)}`);
  talk.clear();
  understood.reset();
  setBusy(false);
  draw();
  restored = restore();
  await restored;
}

async function restore() {
  const here = conversation;
  try {
    const stored = await withToken(() => api.tracker(here.id));
    if (here === conversation) here.restore(stored);
  } catch (error) {
    if (here === conversation) understood.showFailure(error.message, restoreAgain);
    return;
  }
  if (here === conversation) draw();
}

function restoreAgain() {
  byId("understood").focus(); // the button that was pressed goes
  restored = restore();
}

function draw() {
  talk.show(conversation.turns);
  showSelected();
}

// ---- saying something -------------------------------------------------------------------------

function say(text) {
  if (isBusy || !text.trim()) return;
  talk.showWaiting(text, conversation.turns);
  toTyping();
  selected = null;
  send(text, api.newId());
}

/** Move the keyboard to where the next message is written; one on the screen does not open for it. */
function toTyping() {
  (matchMedia("(pointer: coarse)").matches ? byId("log") : input).focus();
}

/** Send a message; sent again with the same id, it is handled once. */
async function send(text, messageId) {
  const here = conversation;
  setBusy(true);
  await restored;
  let answer;
  try {
    answer = await withToken(() => api.say(here.id, text, messageId));
    if (here !== conversation) return;
    const isKnown = here.append(answer, messageId);
    if (!isKnown || !here.isRestored) here.restore(await api.tracker(here.id));
  } catch (error) {
    if (here !== conversation) return;
    talk.showFailure(error.message, {
      retry() {
        talk.endWaiting();
        talk.showWaiting(text, here.turns);
        toTyping();
        send(text, messageId);
      },
      edit() {
        talk.endWaiting();
        setBusy(false);
        draw();
        input.value = input.value ? `${text}\n${input.value}` : text;
        input.focus();
      },
    });
    return;
  }
  talk.endWaiting();
  setBusy(false);
  draw();
}

function setBusy(busy) {
  isBusy = busy;
  byId("send").setAttribute("aria-disabled", String(busy));
}

/** Do a request; if the server wants a token, ask for it and do it again. */
async function withToken(work) {
  try {
    return await work();
  } catch (error) {
    if (!error.isRefused) throw error;
    const token = await askForToken();
    if (token === null) throw error;
    api.keepToken(token);
    const answer = await withToken(work);
    teach();
    return answer;
  }
}

// ---- looking at a turn ------------------------------------------------------------------------

function look(number) {
  selected = number === conversation.turns.length - 1 ? null : number;
  showSelected();
  const intent = conversation.turns[number]?.user?.parse_data?.intent;
  const understanding = intent?.name ? `, ${intent.name} ${share(intent.confidence)}` : "";
  byId("aloud").textContent = byId("position").textContent + understanding;
}

/** Look at a turn that was clicked: on a narrow screen that is on the other side. */
function lookClosely(number) {
  look(number);
  if (!isNarrow()) return;
  showView("understood");
  byId("understood").scrollTop = 0;
  byId("tab-understood").focus();
}

/** The number of the turn that is looked at; -1: there is none. */
function shownNumber() {
  return selected ?? conversation.turns.length - 1;
}

function showSelected() {
  const last = conversation.turns.length - 1;
  const number = shownNumber();
  understood.show(conversation, conversation.turns[number]);
  teaching?.corrector.looked(conversation, conversation.turns[number]);
  talk.mark(number);
  byId("position").textContent = last < 0 ? "" : `Message ${number + 1} of ${last + 1}`;
  setOff(byId("earlier"), number <= 0);
  setOff(byId("later"), number >= last);
}

/** A button that does nothing for now. It keeps the keyboard, which `disabled` would take from it. */
function setOff(button, isOff) {
  button.setAttribute("aria-disabled", String(isOff));
}

function step(by) {
  const number = shownNumber() + by;
  if (number >= 0 && number < conversation.turns.length) look(number);
}

// ---- teaching ---------------------------------------------------------------------------------

/** Begin to teach, once; where the server does not teach, it is asked again the next time. */
function teach() {
  teachingBegins ??= beginTeaching();
  return teachingBegins;
}

async function beginTeaching() {
  document.querySelector("#composer > .problem")?.remove();
  try {
    teaching = await startTeaching({
      withToken,
      title: () => titleOf(conversation.id),
      rowOf: (turn) => talk.rows[conversation.turns.findIndex(({ events }) => events[0] === turn.events[0])],
    });
  } catch (error) {
    showNoTeaching(error.message);
  }
  if (!teaching) teachingBegins = null;
}

/** Say above the message box why nothing can be taught. */
function showNoTeaching(message) {
  const again = () => {
    toTyping();
    teach();
  };
  byId("composer").prepend(problem(`Nothing can be taught now. ${message}`, again));
}

function correctMessage(number) {
  if (!teaching) return;
  look(number);
  teaching.corrector.message(conversation, conversation.turns[number]);
}

// ---- the page's own parts ---------------------------------------------------------------------

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (isBusy || !text) return;
  input.value = "";
  say(text);
  input.focus();
});

// The address's fragment is the conversation, so it is not for the link.
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  if (teaching?.places.enter()) return;
  showView("talk");
  input.focus();
});

input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId("composer").requestSubmit();
  } else if (event.key === "ArrowUp" && !input.value) {
    event.preventDefault();
    talk.focus(shownNumber());
  }
});

byId("log").addEventListener("keydown", (event) => {
  if (event.key === "Escape") input.focus();
});

byId("earlier").addEventListener("click", () => step(-1));
byId("later").addEventListener("click", () => step(1));

byId("new").addEventListener("click", () => {
  open(api.newId().slice(0, 8));
  showView("talk");
  toTyping();
});

byId("change").addEventListener("click", async () => {
  const id = await ask({
    title: "Open a conversation",
    text: "Its history is loaded if the server has it; else it begins.",
    label: "Conversation id",
    ok: "Open",
    value: conversation.id,
  });
  if (id !== null && id !== conversation.id) await open(id);
});

addEventListener("hashchange", () => {
  const id = idInAddress();
  if (id && id !== conversation.id) open(id);
});

startTabs();
api.takeTokenFromAddress();
await open(idInAddress() || api.newId().slice(0, 8));
await teach();
