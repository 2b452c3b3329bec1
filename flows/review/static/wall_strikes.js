// Which fields of a group are struck in this window and not sent yet: kept over a reload, shared with no other window,
// and with nobody who logs in here later. A field that was read again is not struck any more.

const STORE = "tallymark.strikes";
const MOST = 1000; // fields of one group, the latest: those before were struck long ago, and confirmed elsewhere

export class Strikes {
  #owner;
  #group;
  #struck = new Map(); // revisions by key

  // `group` is the one that is open, "" where none is.
  constructor(tab, person, group = "") {
    this.#owner = `${tab} ${person}`;
    this.#group = group;
    this.#struck = new Map(this.#read()[group]);
  }

  has({ key, revision }) {
    return this.#struck.get(key) === revision;
  }

  add({ key, revision }, group = this.#group) {
    this.#change(group, (struck) => struck.set(key, revision));
  }

  delete({ key }, group = this.#group) {
    this.#change(group, (struck) => struck.delete(key));
  }

  #change(group, change) {
    const struck = group === this.#group ? this.#struck : new Map(this.#read()[group]);
    change(struck);
    this.#write(group, struck);
  }

  #read() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(STORE) ?? "{}");
      return kept.owner === this.#owner ? kept.groups : {};
    } catch {
      return {};
    }
  }

  #write(group, struck) {
    try {
      const groups = { ...this.#read(), [group]: [...struck].slice(-MOST) };
      sessionStorage.setItem(STORE, JSON.stringify({ owner: this.#owner, groups }));
    } catch {
      // A full storage: those of the group that is open are kept in memory.
    }
  }
}
