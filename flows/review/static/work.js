// Follows work that takes seconds on the server, however often the connection is lost meanwhile.
import { get, offline, Refused } from "./api.js";

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
    outcome.textContent = told.stage === "working" ? `${told.words} ${Math.round(told.seconds)} s` : told.words;
    if (told.stage !== "working") {
      progress.hidden = true;
      outcome.classList.add(told.stage === "done" ? "good" : "bad");
      return told;
    }
    await new Promise((done) => setTimeout(done, ASK_MS));
  }
}
