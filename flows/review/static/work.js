// Follows work that takes seconds on the server, however often the connection is lost meanwhile.
import { get, offline, Refused } from "./api.js";
import { make } from "./page_parts.js";

const ASK_MS = 300;

export async function follow(address, { progress, outcome, box }) {
  box.hidden = false;
  progress.hidden = false;
  outcome.className = "outcome";
  for (;;) {
    let told;
    try {
      told = await get(`${address}/work`);
      offline();
    } catch (problem) {
      if (!(problem instanceof Refused) || problem.status !== 0) throw problem;
      offline("The server does not answer. What was begun there goes on, or is stored not at all.");
      await new Promise((done) => setTimeout(done, 4 * ASK_MS));
      continue;
    }
    if (!told.stage) {
      // The server was started again meanwhile, and remembers what is stored, not what it was doing.
      const link = make("a", { href: location.href }, "Load this page again");
      progress.hidden = true;
      outcome.classList.add("bad");
      outcome.replaceChildren("It is not known what became of this: the server was started again meanwhile. ", link, " to see what holds now.");
      return told;
    }
    outcome.textContent = told.stage === "working" ? `${told.words} ${Math.round(told.seconds)} s` : told.words;
    if (told.stage !== "working") {
      progress.hidden = true;
      outcome.classList.add(told.stage === "done" ? "good" : "bad");
      return told;
    }
    await new Promise((done) => setTimeout(done, ASK_MS));
  }
}
