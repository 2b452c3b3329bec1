// Sends what was decided, one after the other, until the server has it: nothing is lost while it does not answer.
// What waits is kept in this window's session storage, so that a page that is loaded again goes on with it. Sending
// twice stores once: every decision carries its token. What one person decided is never sent in the name of another.

import { get, offline, post, Refused, speakAs } from "./api.js";

const RETRY_MS = [500, 1000, 2000, 4000];
const LOG_IN_MS = 2000; // how often it is asked whether somebody has logged in again
const AGAIN = new Set([0, 408, 425, 429, 500, 502, 503, 504]); // it may work a moment later
const LOG_IN = new Set([401, 403]);

export class Saver {
  // `name` tells the waiting decisions of one page from those of another. `stored(sent, told)` and
  // `refused(sent, problem)` hear what became of each.
  constructor(name, stored, refused) {
    this.name = `tallymark-${name}`;
    this.stored = stored;
    this.refused = refused;
    this.person = document.querySelector(".who")?.textContent ?? "";
    const kept = this.kept();
    this.waiting = kept.filter((one) => one.person === this.person);
    this.others = kept.filter((one) => one.person !== this.person);
    this.busy = false;
    this.tries = 0;
    addEventListener("beforeunload", (event) => this.waiting.length && event.preventDefault());
    addEventListener("online", () => this.now());
    if (this.others.length) offline(`Pages that ${this.others[0].person} confirmed in this window are not stored yet; they are sent when ${this.others[0].person} logs in here again.`);
    if (this.waiting.length) this.keep();
    this.now();
  }

  kept() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.name) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }

  keep() {
    try {
      sessionStorage.setItem(this.name, JSON.stringify([...this.others, ...this.waiting]));
    } catch {
      // Without storage it still waits in memory.
    }
    const saving = document.getElementById("saving");
    saving.textContent = this.waiting.length ? `saving ${this.waiting.length} …` : "all saved";
  }

  send(url, body) {
    this.waiting.push({ url, body, person: this.person });
    this.keep();
    this.now();
  }

  now() {
    clearTimeout(this.timer);
    if (!this.busy) this.work();
  }

  async work() {
    this.busy = true;
    try {
      while (this.waiting.length && (await this.sendOne(this.waiting[0])));
    } finally {
      this.busy = false;
    }
  }

  // Sends one; false when it has to wait.
  async sendOne(sent) {
    let told;
    let problem;
    try {
      told = await post(sent.url, sent.body);
    } catch (found) {
      if (!(found instanceof Refused)) throw found;
      if (this.wait(found)) return false;
      problem = found;
    }
    this.waiting.shift();
    this.keep();
    if (problem) {
      this.refused(sent, problem);
      return true;
    }
    this.tries = 0;
    this.renewed = false;
    offline();
    this.stored(sent, told);
    return true;
  }

  // Tells the person and tries again later; false where trying again cannot help.
  wait(problem) {
    if (LOG_IN.has(problem.status) && !this.renewed) {
      offline(`${problem.message} Log in again, in another window if you like: what you confirmed waits here and is sent then.`);
      this.timer = setTimeout(() => this.logIn(), LOG_IN_MS);
      return true;
    }
    this.renewed = false;
    if (!AGAIN.has(problem.status)) return false;
    offline(`${problem.message} ${this.waiting.length === 1 ? "One page waits" : `${this.waiting.length} pages wait`} here and will be sent again by itself.`);
    this.timer = setTimeout(() => this.now(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
    return true;
  }

  // Goes on when the same person is logged in again, in whatever window.
  async logIn() {
    try {
      const told = await get("/queue/session");
      if (told.person === this.person) {
        speakAs(told.csrf);
        this.renewed = true;
        this.now();
        return;
      }
      offline(`${told.person} is logged in now. What ${this.person} confirmed is sent when ${this.person} logs in again.`);
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
    }
    this.timer = setTimeout(() => this.logIn(), LOG_IN_MS);
  }
}
