// The groups of the wall: up and down go through them, Enter opens one.

import { bind } from "./keys.js";
import { Saver } from "./wall_saver.js";
import { Strikes } from "./wall_strikes.js";
import { giveBack, refusedWords, storedWords } from "./wall_told.js";
import { windowName } from "./window_name.js";

const LOOK_AGAIN_MS = 1000;

const links = [...document.querySelectorAll(".wall-group")];

function move(by) {
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)];
  next?.focus();
}

if (links.length) {
  bind([
    { keys: ["ArrowDown", "j"], says: "Next group", run: () => move(1) },
    { keys: ["ArrowUp", "k"], says: "Group before", run: () => move(-1) },
    { keys: ["Enter"], says: "Open the group", run: () => false },
  ]);
  links[0].focus({ preventScroll: true });
}
if (document.getElementById("wall-loading")) setTimeout(() => location.reload(), LOOK_AGAIN_MS);

// Pages that were confirmed before the way back to here, and did not get through yet. All that is to be said of them
// stays: nobody looks at them any more.
const said = [];
const strikes = new Strikes(await windowName(), document.querySelector(".who").textContent);

function say(words, kind) {
  if (!words) return;
  said.push(words);
  const note = document.getElementById("wall-note");
  note.textContent = said.join(" ");
  note.classList.add(kind);
}

function refused(sent, problem) {
  giveBack(strikes, sent);
  say(refusedWords(sent, problem), "wrong");
}

new Saver("wall", (sent, told) => say(storedWords(sent, told), "warn"), refused);
