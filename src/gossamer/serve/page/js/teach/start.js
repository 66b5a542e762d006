// Teaching begins here, if the server teaches: else the page stays as it is.

import { Look } from "../look/look.js";
import * as api from "./api.js";
import { Changes } from "./changes.js";
import { Corrector } from "./correct/corrector.js";
import { Inbox } from "./inbox.js";
import { Places } from "./places.js";
import { Teaching } from "./teaching.js";
import { Train } from "./train.js";

const byId = (id) => document.getElementById(id);

/**
 * Add teaching to the page.
 *
 * @param {Object} page  see `Teaching`
 * @returns {Promise<Teaching|null>} null: the server does not teach, or not this reader
 * @throws {RequestError} the server teaches, but cannot say what: a mistake in the project's files, for one
 */
export async function startTeaching(page) {
  let description;
  try {
    description = await api.project();
  } catch (error) {
    if (error.status === 404 || error.isRefused) return null; // without --teach, or not for this reader
    throw error;
  }
  const teaching = new Teaching(description, page);
  const rooms = {
    inbox: new Inbox(byId("inbox"), teaching),
    changes: new Changes(byId("changes"), teaching),
    train: new Train(byId("train"), teaching),
    look: new Look(byId("look"), teaching),
  };
  teaching.corrector = new Corrector(teaching);
  teaching.places = new Places(rooms, page.title, () => teaching.corrector.panel.close(true));
  document.body.dataset.teaches = "";
  return teaching;
}
