// Requests under /teach: what `gossamer run --teach` answers.

import { request } from "../api.js";

const NAME_KEY = "gossamer-teacher";

/** The name under which changes are recorded, unless the server knows who asks; "" where none was given. */
export function teacher() {
  try {
    return localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    return "";
  }
}

/** Keep the name under which changes are recorded. */
export function keepTeacher(name) {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // Storage is forbidden here: the server's own name for it is recorded.
  }
}

function call(method, path, body, signal) {
  const name = teacher();
  // A header holds no letters beyond Latin: the name is sent as in an address.
  const headers = name ? { "X-Teacher": encodeURIComponent(name) } : {};
  return request(method, `/teach/${path}`, body, { headers, signal });
}

const inPath = encodeURIComponent;

/** Intents, entities, actions, slots and forms of the project. */
export const project = () => call("GET", "project");

/** What a correction would write, and what the model says of similar messages. */
export const preview = (correction, signal) => call("POST", "preview", correction, signal);
/** Write a correction into the project's files. */
export const correct = (correction) => call("POST", "corrections", correction);
/** All that was taught: `corrections`. */
export const corrections = () => call("GET", "corrections");
/** Take out what was taught. */
export const undo = (id) => call("POST", `corrections/${inPath(id)}/undo`);

/** Stored messages that are worth a look. */
export const inbox = (limit = 50) => call("GET", `inbox?limit=${limit}`);
/** Take what the model says of a text as right. */
export const accept = (text) => call("POST", "inbox/accept", { text });
/** Take a text out of the inbox. */
export const dismiss = (text) => call("POST", "inbox/dismiss", { text });
/** Bring a text back that was taken out of the inbox. */
export const restore = (text) => call("POST", "inbox/restore", { text });

/** Begin to train a candidate. */
export const train = () => call("POST", "trainings");
/** The last trainings. */
export const trainings = () => call("GET", "trainings");
/** How far a training is, and what came of it. */
export const training = (id) => call("GET", `trainings/${inPath(id)}`);
/** End a training that runs; throw away what came of one that is done. */
export const cancel = (id) => call("DELETE", `trainings/${inPath(id)}`);
/** Put what was trained in service. */
export const swap = (id) => call("POST", `trainings/${inPath(id)}/swap`);
/** Models that can be gone back to. */
export const models = () => call("GET", "models");
/** Go back to a model. */
export const use = (name) => call("POST", `models/${inPath(name)}/use`);

/** Kernels of the sparse layers. */
export const layers = () => call("GET", "look/layers");
/** Which intents are taken for which. */
export const confusion = () => call("GET", "look/confusion");
/** Whether more examples would help an intent. */
export const learningCurve = (intent) => call("GET", `look/learning-curve?intent=${inPath(intent)}`);
/** How many messages a threshold answers, and how many of those wrongly. */
export const coverage = () => call("GET", "look/coverage");
