// Keeps every decision of the queue until the server has confirmed it, over a reload too: see `Line`.

import { post } from "./api.js";
import { Line } from "./saver_core.js";

const STORE = "tallymark.decisions";
const KNOWN = "tallymark.known"; // what the server told of fields whose decisions wait

export class Saver extends Line {
  #revisions = new Map(); // of fields that this window has decided: what they are now, by key
  #rows = new Map(); // the rows of the trail that this window's decisions became, by token

  constructor(person, tab) {
    super(STORE, person, (op) => this.#sent(op));
    this.tab = tab;
    try {
      const known = JSON.parse(sessionStorage.getItem(KNOWN) ?? "{}");
      this.#revisions = new Map(known.revisions);
      this.#rows = new Map(known.rows);
    } catch {
      // Nothing is known then: the server says what to do.
    }
    this.addEventListener("changed", () => this.#keep());
  }

  // The fields that were decided here and are not stored yet.
  keys() {
    return [...new Set(this.waiting.map((op) => op.key))];
  }

  // Takes what was said of a field; `field` is kept to bring it back if it is refused. `again`: this window has said
  // something of it before, so the revision is the one that the server told then.
  say(field, word, text, again = false) {
    return this.add({ kind: "say", key: field.key, revision: field.revision, word, text, again, field });
  }

  // Takes back what was said last of a field; `said` is how, where this window knows it.
  undo(field, said = null) {
    return this.add({ kind: "undo", key: field.key, of: said?.token ?? "", field });
  }

  async #sent(op) {
    const told = await this.#post(op);
    if (told.revision) this.#revisions.set(op.key, told.revision);
    if (told.number && op.kind === "say") this.#rows.set(op.token, told.number);
    return told;
  }

  #post(op) {
    const { key, word, text, token } = op;
    // The row that is meant, where it is known: what somebody else has said since is not taken back.
    const row = this.#rows.get(op.of);
    if (op.kind === "undo") return post("/queue/undo", { key, token, ...(row ? { row } : {}) });
    const revision = (op.again && this.#revisions.get(key)) || op.revision;
    return post("/queue/say", { tab: this.tab, key, revision, word, text, token });
  }

  #keep() {
    const waiting = [...this.others, ...this.waiting];
    const keys = new Set(waiting.map((op) => op.key));
    const tokens = new Set(waiting.map((op) => op.of));
    try {
      if (waiting.length) {
        const revisions = [...this.#revisions].filter(([key]) => keys.has(key));
        const rows = [...this.#rows].filter(([token]) => tokens.has(token));
        sessionStorage.setItem(KNOWN, JSON.stringify({ revisions, rows }));
      } else sessionStorage.removeItem(KNOWN);
    } catch {
      // A full storage.
    }
  }
}
