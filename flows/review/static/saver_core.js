// What every view that saves has in common: which failures pass, how long to wait, whose decisions these are, and a
// line of decisions that is kept in memory and in this window's storage until the server has confirmed each.

import { Refused, get, speakAs, token } from "./api.js";

const WAITS_MS = [500, 1000, 2000, 4000, 8000];
const LOGIN_MS = 2000; // how often it is asked whether somebody has logged in again
const SLOW_MS = 4000; // a server that takes longer than this for one decision is said to be slow
const PASSING = new Set([0, 408, 425, 429, 502, 503, 504, 507]); // what is sent again may be taken a moment later
const LOGGED_OUT = new Set([401, 403]);

export const isPassing = (status) => PASSING.has(status);
export const isLoggedOut = (status) => LOGGED_OUT.has(status);

// How long to wait before something is sent again that has failed so often already.
export const waitOf = (failed) => WAITS_MS[Math.min(failed, WAITS_MS.length - 1)];

// Says why nothing can be sent in a person's name now, and whether a log-in ends that. Who may not is not logged out.
export function whyNot(problem) {
  if (isPassing(problem.status)) return { words: problem.message, login: false };
  if (problem.status === 403) return { words: "Whoever is logged in in this browser now may not say what fields hold.", login: true };
  return { words: "You are logged out.", login: true };
}

// Waits until the same person is logged in again, whatever window that happens in; `tell(words, login)` hears of it.
export async function loggedIn(person, tell, sleep = (ms) => new Promise((done) => setTimeout(done, ms))) {
  for (;;) {
    try {
      const told = await get("/queue/session");
      if (told.person === person) {
        speakAs(told.csrf);
        return;
      }
      tell(`${told.person} is logged in now. What ${person} decided is stored when ${person} logs in again.`, true);
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
      const { words, login } = whyNot(problem);
      const waits = problem.status === 403 ? ` What ${person} decided is stored when ${person} logs in as a reviewer.` : "";
      tell(`${words}${waits}`, login);
    }
    await sleep(LOGIN_MS);
  }
}

// What `#saving` says.
export function savingWords(waiting, trouble, hasSaved) {
  if (trouble) return `${waiting} not stored`;
  return waiting ? `Saving ${waiting}` : hasSaved ? "Saved" : "";
}

// Decisions are sent one after another, in order. Each carries a token of its own: sent twice, it is stored once. While
// the server does not answer, or nobody is logged in, they wait. Only a refusal in words ends one; then the page is told.
// What one person decided is never sent in the name of another.
//
// Events: "stored" {op, told}, "refused" {op, status, problem}, "changed" {waiting, trouble, login}.
export class Line extends EventTarget {
  #store;
  #send;
  #waiting = [];
  #others = []; // decisions of somebody else who was logged in in this window before
  #running = false;
  #wake = null;
  #trouble = "";
  #login = false;

  // `store` names the storage, `send(op)` sends one and returns what the server told.
  constructor(store, person, send) {
    super();
    this.#store = store;
    this.#send = send;
    this.person = person;
    const kept = this.#read();
    this.#waiting = kept.filter((op) => op.person === person);
    this.#others = kept.filter((op) => op.person !== person);
    addEventListener("online", () => this.#wake?.());
    addEventListener("beforeunload", (event) => {
      if (this.#waiting.length) event.preventDefault();
    });
  }

  get size() {
    return this.#waiting.length;
  }

  get waiting() {
    return [...this.#waiting];
  }

  get others() {
    return [...this.#others];
  }

  start() {
    this.#changed();
    this.#run();
  }

  add(what) {
    const op = { token: token(), ...what, person: this.person, at: Date.now(), tried: false };
    this.#waiting.push(op);
    this.#changed(this.#trouble, this.#login);
    this.#run();
    return op;
  }

  // Takes a decision back that was never sent; false when it may have arrived.
  cancel(op) {
    const at = this.#waiting.indexOf(op);
    if (at < 0 || op.tried) return false;
    this.#waiting.splice(at, 1);
    this.#changed(this.#trouble, this.#login);
    return true;
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let failed = 0, renewed = false; this.#waiting.length; ) {
      const op = this.#waiting[0];
      op.tried = true;
      this.#write();
      const slow = setTimeout(() => this.#changed("The server takes long to answer."), SLOW_MS);
      try {
        const told = await this.#send(op);
        clearTimeout(slow);
        this.#done(op);
        this.dispatchEvent(new CustomEvent("stored", { detail: { op, told } }));
        failed = 0;
        renewed = false;
      } catch (problem) {
        clearTimeout(slow);
        const status = problem instanceof Refused ? problem.status : 0;
        if (isPassing(status)) {
          this.#changed(problem.message);
          await this.#sleep(waitOf(failed++));
        } else if (isLoggedOut(status) && !renewed) {
          await loggedIn(this.person, (words, login) => this.#changed(words, login), (ms) => this.#sleep(ms));
          this.#changed();
          renewed = true;
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
      const kept = JSON.parse(sessionStorage.getItem(this.#store) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }

  #write() {
    const kept = [...this.#others, ...this.#waiting];
    try {
      if (kept.length) sessionStorage.setItem(this.#store, JSON.stringify(kept));
      else sessionStorage.removeItem(this.#store);
    } catch {
      // A full storage: they are kept in memory, and leaving the page warns.
    }
  }
}
