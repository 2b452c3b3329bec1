// Sends what is said on a sheet until the server has answered: with the same token, so that it is stored once.

import { post, Refused } from "./api.js";
import { banner } from "./banner.js";
import { isLoggedOut, isPassing, loggedIn, savingWords, waitOf } from "./saver_core.js";

const HERE = "What you said is still here, and is sent again until it is stored.";
const person = document.querySelector(".who")?.textContent ?? "";
const state = document.getElementById("saving");

function trouble(words, login = false) {
  state.textContent = savingWords(1, words, true);
  banner([words, HERE], login);
}

// Returns what the server told.
//
// Throws a `Refused` for what is refused for good: that was not stored.
export async function sendUntilTold(url, body) {
  state.textContent = savingWords(1, "", true);
  try {
    const told = await tried(url, body);
    state.textContent = savingWords(0, "", true);
    return told;
  } catch (problem) {
    state.textContent = "";
    throw problem;
  }
}

async function tried(url, body) {
  for (let failed = 0, renewed = false; ; ) {
    try {
      const told = await post(url, body);
      banner();
      return told;
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
      if (isPassing(problem.status)) {
        trouble(problem.status ? problem.message : "The server does not answer.");
        await new Promise((wait) => setTimeout(wait, waitOf(failed++)));
      } else if (isLoggedOut(problem.status) && !renewed) {
        await loggedIn(person, trouble);
        banner();
        renewed = true;
      } else {
        banner();
        throw problem;
      }
    }
  }
}
