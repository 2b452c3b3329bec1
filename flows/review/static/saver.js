// Keeps every decision until the server has confirmed it: in memory, and in this window's storage over a reload.
//
// Decisions are sent one after another, in order. Each carries a token of its own: sent twice, it is stored once. While
// the server does not answer, or nobody is logged in, they wait. Only a refusal in words ends one; then the page is told.

import { Refused, get, post, speakAs, token } from "./api.js";

const STORE = "tallymark.decisions";
const WAITS_MS = [500, 1000, 2000, 4000, 8000];
const LOGIN_MS = 2000; // how often it is asked whether somebody has logged in again

// Events: "stored" {op, told}, "refused" {op, problem}, "changed" {waiting, trouble, login}.
export class Saver extends EventTarget {
  #waiting = [];
  #others = []; // decisions of somebody else who was logged in in this window before
  #revisions = new Map(); // of fields that this window has decided: what they are now
  #running = false;
  #wake = null;
  #trouble = "";
  #login = false;

  constructor(person, tab) {
    super();
    this.person = person;
    this.tab = tab;
    const kept = this.#read();
    this.#waiting = kept.waiting.filter((op) => op.person === person);
    this.#others = kept.waiting.filter((op) => op.person !== person);
    this.#revisions = new Map(kept.revisions);
    addEventListener("online", () => this.#wake?.());
    addEventListener("beforeunload", (event) => {
      if (this.#waiting.length) event.preventDefault();
    });
  }

  get size() {
    return this.#waiting.length;
  }

  get others() {
    return this.#others;
  }

  // The fields that were decided here and are not stored yet.
  keys() {
    return [...new Set(this.#waiting.map((op) => op.key))];
  }

  // Takes what was said of a field; `field` is kept to bring it back if it is refused. `again`: this window has said
  // something of it before, so the revision is the one that the server told then.
  say(field, word, text, again = false) {
    return this.#add({ kind: "say", key: field.key, revision: field.revision, word, text, again, field });
  }

  undo(field) {
    return this.#add({ kind: "undo", key: field.key, field });
  }

  // Takes a decision back that was never sent; false when it may have arrived.
  cancel(op) {
    const at = this.#waiting.indexOf(op);
    if (at < 0 || op.tried) return false;
    this.#waiting.splice(at, 1);
    this.#changed(this.#trouble, this.#login);
    return true;
  }

  start() {
    this.#changed();
    this.#run();
  }

  #add(what) {
    const op = { ...what, token: token(), person: this.person, at: Date.now(), tried: false };
    this.#waiting.push(op);
    this.#changed(this.#trouble, this.#login);
    this.#run();
    return op;
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let failed = 0, renewed = false; this.#waiting.length; ) {
      const op = this.#waiting[0];
      op.tried = true;
      this.#write();
      try {
        const told = await this.#send(op);
        if (told.revision) this.#revisions.set(op.key, told.revision);
        this.#done(op);
        this.dispatchEvent(new CustomEvent("stored", { detail: { op, told } }));
        failed = 0;
        renewed = false;
      } catch (problem) {
        const status = problem instanceof Refused ? problem.status : 0;
        if (status === 0 || status >= 500 || status === 429 || status === 408) {
          this.#changed(problem.message);
          await this.#sleep(WAITS_MS[Math.min(failed++, WAITS_MS.length - 1)]);
        } else if ((status === 401 || status === 403) && !renewed) {
          renewed = await this.#logIn();
        } else {
          this.#done(op);
          this.dispatchEvent(new CustomEvent("refused", { detail: { op, status, problem: problem.message } }));
          renewed = false;
        }
      }
    }
    this.#running = false;
    this.#changed();
  }

  #send(op) {
    if (op.kind === "undo") return post("/queue/undo", { key: op.key, token: op.token });
    const revision = (op.again && this.#revisions.get(op.key)) || op.revision;
    const { key, word, text } = op;
    return post("/queue/say", { tab: this.tab, key, revision, word, text, token: op.token });
  }

  // Waits until the same person is logged in again, whatever window that happens in.
  async #logIn() {
    for (;;) {
      try {
        const told = await get("/queue/session");
        speakAs(told.csrf);
        if (told.person === this.person) {
          this.#changed();
          return true;
        }
        this.#changed(`${told.person} is logged in now. What ${this.person} decided is stored when ${this.person} logs in again.`, true);
      } catch (problem) {
        const out = problem instanceof Refused && problem.status !== 0 && problem.status < 500;
        this.#changed(out ? "You are logged out." : problem.message, out);
      }
      await this.#sleep(LOGIN_MS);
    }
  }

  #sleep(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #done(op) {
    this.#waiting.splice(this.#waiting.indexOf(op), 1);
    this.#changed();
  }

  #changed(trouble = "", login = false) {
    this.#trouble = trouble;
    this.#login = login;
    this.#write();
    this.dispatchEvent(new CustomEvent("changed", { detail: { waiting: this.size, trouble, login } }));
  }

  #read() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(STORE) ?? "{}");
      return { waiting: Array.isArray(kept.waiting) ? kept.waiting : [], revisions: Array.isArray(kept.revisions) ? kept.revisions : [] };
    } catch {
      return { waiting: [], revisions: [] };
    }
  }

  #write() {
    const waiting = [...this.#others, ...this.#waiting];
    const keys = new Set(waiting.map((op) => op.key));
    try {
      if (waiting.length) {
        const revisions = [...this.#revisions].filter(([key]) => keys.has(key));
        sessionStorage.setItem(STORE, JSON.stringify({ waiting, revisions }));
      } else sessionStorage.removeItem(STORE);
    } catch {
      // A full storage: they are kept in memory, and leaving the page warns.
    }
  }
}
