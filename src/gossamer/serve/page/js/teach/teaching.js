// What the parts of teaching share: the project's names, the places, and news of changes.

import * as api from "./api.js";
import { projectOf } from "./project.js";

/**
 * Events: `change` after something was taught or undone or a model was swapped; the names of the
 * project are then those of now. Its `detail.undone` is the id of the change that was undone.
 */
export class Teaching extends EventTarget {
  /**
   * @param {Object} description  what the server says of the project
   * @param {{withToken: Function, title: () => string, rowOf: (turn: Object) => Element|undefined}} page
   */
  constructor(description, page) {
    super();
    this.project = projectOf(description);
    this.page = page;
    this.places = null; // set when all places are there
    this.corrector = null; // likewise
  }

  /** Do a request; if the server wants a token, it is asked for. */
  ask(work) {
    return this.page.withToken(work);
  }

  /** Go to a place; `options` are given to its `show`. */
  go(place, options) {
    this.places.go(place, options);
  }

  /** Say something to those who do not see the screen. */
  tell(text) {
    document.getElementById("told").textContent = text;
  }

  /** Read the project's names again, then say that something changed: `undone` is the id of what was undone. */
  async changed({ undone = null } = {}) {
    try {
      this.project = projectOf(await this.ask(api.project));
    } catch {
      // The names of before do until the next change.
    }
    this.dispatchEvent(new CustomEvent("change", { detail: { undone } }));
  }
}
