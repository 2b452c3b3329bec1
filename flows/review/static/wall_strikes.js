// Which fields of a group are struck in this window and not sent yet: kept over a reload, shared with no other window,
// and with nobody who logs in here later. A field that was read again is not struck any more.

const STORE = "tallymark.strikes";
const MOST = 1000; // fields of all groups: more were struck long ago and confirmed elsewhere

export class Strikes {
  #owner;
  #group;
  #struck = new Map(); // revisions by key

  constructor(tab, person, group) {
    this.#owner = `${tab} ${person}`;
    this.#group = group;
    this.#struck = new Map(this.#read()[group]);
  }

  has({ key, revision }) {
    return this.#struck.get(key) === revision;
  }

  add({ key, revision }) {
    this.#struck.set(key, revision);
    this.#write();
  }

  delete({ key }) {
    this.#struck.delete(key);
    this.#write();
  }

  #read() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(STORE) ?? "{}");
      return kept.owner === this.#owner ? kept.groups : {};
    } catch {
      return {};
    }
  }

  #write() {
    try {
      const groups = { ...this.#read(), [this.#group]: [...this.#struck].slice(-MOST) };
      sessionStorage.setItem(STORE, JSON.stringify({ owner: this.#owner, groups }));
    } catch {
      // A full storage: they are kept in memory.
    }
  }
}
