// The places of the page: Talk, and those of teaching. Which one is shown is in the address,
// `/?place=inbox`; the fragment is the conversation and stays.

const byId = (id) => document.getElementById(id);

const TALK = "talk";
const OF_TALK = ["talk", "understood", "change", "new"]; // shown only there

export class Places {
  /**
   * @param {Object<string, {show: (options: Object) => void, leave?: () => void}>} rooms  by the place's name
   * @param {() => string} title  of the place of the conversation
   * @param {() => void} left  called when any place is left
   */
  constructor(rooms, title, left) {
    this.left = left;
    this.rooms = rooms;
    this.title = title;
    this.place = TALK;
    this.skip = byId("skip").textContent;
    this.links = [...byId("places").querySelectorAll("a")];
    for (const link of this.links) {
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        this.go(link.dataset.place);
      });
    }
    addEventListener("popstate", () => this.#show(inAddress(rooms)));
    addEventListener("hashchange", () => this.#drawLinks());
    byId("places").hidden = false;
    this.#show(inAddress(rooms));
  }

  /** Go to a place, as if its link was clicked. `options` are for what is there. */
  go(place, options = {}) {
    if (place !== this.place) history.pushState(null, "", addressOf(place));
    this.#show(place, options);
    byId(`${place}-title`).focus({ preventScroll: true });
  }

  /** Move the keyboard to the place's content; false in the place of the conversation. */
  enter() {
    if (this.place === TALK) return false;
    byId(`${this.place}-title`).focus();
    return true;
  }

  #show(place, options = {}) {
    if (place !== this.place) {
      this.rooms[this.place]?.leave?.();
      this.left();
    }
    this.place = place;
    document.body.dataset.place = place;
    for (const id of OF_TALK) byId(id).hidden = place !== TALK;
    for (const name of Object.keys(this.rooms)) byId(name).hidden = name !== place;
    this.#drawLinks();
    const link = this.links.find((one) => one.dataset.place === place);
    byId("skip").textContent = place === TALK ? this.skip : `Skip to ${link.textContent}`;
    document.title = place === TALK ? this.title() : `${link.textContent} · Gossamer`;
    this.rooms[place]?.show(options);
  }

  #drawLinks() {
    for (const link of this.links) {
      link.href = addressOf(link.dataset.place);
      if (link.dataset.place === this.place) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }
}

function inAddress(rooms) {
  const place = new URL(location.href).searchParams.get("place");
  return Object.hasOwn(rooms, place) ? place : TALK;
}

function addressOf(place) {
  const address = new URL(location.href);
  if (place === TALK) address.searchParams.delete("place");
  else address.searchParams.set("place", place);
  return address.href;
}
