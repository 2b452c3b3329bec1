// Sends what was confirmed on a wall until the server has it, see `Line`; says so in the head of the page.

import { post } from "./api.js";
import { banner } from "./banner.js";
import { Line, savingWords } from "./saver_core.js";

export class Saver extends Line {
  #hasSaved = false;

  // `name` tells the waiting decisions of one page from those of another. `stored(sent, told)` and
  // `refused(sent, problem)` hear what became of each.
  constructor(name, stored, refused) {
    super(`tallymark.${name}`, document.querySelector(".who")?.textContent ?? "", (sent) => post(sent.url, sent.body));
    this.addEventListener("stored", ({ detail: { op, told } }) => stored(op, told));
    this.addEventListener("refused", ({ detail: { op, status, problem } }) => refused(op, { status, message: problem }));
    this.addEventListener("changed", ({ detail }) => this.#told(detail));
    this.start();
  }

  // `of` says of which group the page is, and what that is called.
  send(url, body, of) {
    this.add({ url, body, ...of });
  }

  #told({ waiting, trouble, login }) {
    this.#hasSaved ||= waiting > 0;
    document.getElementById("saving").textContent = savingWords(waiting, trouble, this.#hasSaved);
    const whose = this.others[0]?.person;
    const waits = waiting ? `${waiting === 1 ? "One page waits" : `${waiting} pages wait`} here, nothing is lost.` : "";
    if (trouble) banner([trouble, waits, login ? "" : "Trying again."], login);
    else if (whose) banner([`Pages that ${whose} confirmed in this window are not stored yet; they are sent when ${whose} logs in here again.`]);
    else if (!waiting) banner();
  }
}
