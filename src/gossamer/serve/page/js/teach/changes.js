// The place "Changes".

export class Changes {
  /**
   * @param {HTMLElement} section
   * @param {import("./teaching.js").Teaching} teaching
   */
  constructor(section, teaching) {
    this.section = section;
    this.teaching = teaching;
  }

  /** Called each time this place is gone to. */
  show(options) {}

  /** Called when another place is gone to. */
  leave() {}
}
