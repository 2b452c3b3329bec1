// The queue: the next field is shown from what was loaded before, while the last decision is still on its way.

import { onElsewhere } from "./address.js";
import { Refused, get, post, speakAs, tell } from "./api.js";
import { banner } from "./banner.js";
import { bind, showKeys } from "./keys.js";
import { Pace } from "./pace.js";
import { again, hasCome, hurry, picture } from "./pictures.js";
import { fromAddress, isNarrowed, narrowFields, toAddress, wanted } from "./queue_choice.js";
import { byId, draw, loading, painted, put, root, say, state, typed, wrong } from "./queue_screen.js";
import { surely } from "./queue_values.js";
import { Saver } from "./saver.js";
import { savingWords, whyNot } from "./saver_core.js";
import { windowName } from "./window_name.js";

const AHEAD = 8; // fields that are loaded before they are needed
const FEW = 5; // with fewer than this many, more are asked for
const KEEP_MS = 25_000; // leases are kept this often; they last 90 s
const POLL_MS = 4000; // how often it is asked whether anything has come where nothing waits
const AWAY_MS = 10 * 60_000; // after so long without a key nobody is there: leases and the log-in may run out
const MOST_PAST = 200;
const UNSEEN = "The picture has not come yet: nothing can be said of it. It is asked for again by itself; Page Down skips the field.";

const choice = byId("choice");
const person = root.dataset.person;

const tab = await windowName();
const saver = new Saver(person, tab);
const pace = new Pace();

let current = null; // what is on the screen: {field, crop, around, typed, note, shownAt, said, op, before}; see `decide`
let place = -1; // where `current` stands in `past`, -1 for a field that is not decided yet
const ahead = [];
const past = [];
let left = 0;
let others = 0; // how many of what is left other people have on their screens, known once nothing more comes
let enough = ""; // why there are no more fields for this person now
let began = 0; // what was open when the line was begun, for the progress bar
let filling = false;
let unwanted = new Set(); // skipped in this window while the server was not told yet
let line = 0; // counts changes of order and filters: an answer to an earlier one is dropped
let active = Date.now(); // when somebody last did anything here
let heard = ""; // what was decided last, to be heard before the field that comes next
let inTrouble = false;
let entered = 0; // when the key was pressed that led to the next field

function showAll() {
  for (const name of ["reason", "template", "field", "text"]) choice.elements[name].value = "";
  beginLine();
}

function beginLine() {
  narrowFields();
  toAddress();
  line += 1;
  ahead.length = 0;
  current = null;
  place = -1;
  began = 0;
  filling = false;
  loading("Looking for the fields that you asked for", "");
  fill();
}

// ---- loading --------------------------------------------------------------------------------------------------------

const nameOf = (field) => field.question || field.field;

function entryOf(field) {
  const name = nameOf(field);
  const crop = picture(field.crop, `The writing in ${name}`, { first: true });
  crop.addEventListener("load", () => current?.crop === crop && byId("wrong").textContent === UNSEEN && wrong(""));
  return {
    field,
    crop,
    around: picture(field.around, `${name} on its sheet`),
    typed: "",
    note: field.skipped ? "You skipped this field before." : "",
    said: field.said,
    op: null, // how `said` was sent from this window
    before: null, // what stood before: {said, op, before}; `isKept`: as an answer that was given in this window
  };
}

function have() {
  const keys = [current?.field.key, ...ahead.map((one) => one.field.key), ...saver.keys(), ...unwanted];
  return [...new Set(keys.filter(Boolean))].slice(0, 200);
}

// How many fields of this window wait for an answer.
function here() {
  const keys = new Set([...ahead.map((one) => one.field.key), ...unwanted]);
  if (current && place < 0 && !current.field.closed) keys.add(current.field.key);
  return keys.size;
}

async function fill() {
  if (filling) return;
  filling = true;
  const asked = line;
  const kept = new Set(have());
  try {
    const want = Math.max(AHEAD - ahead.length, 0);
    const told = await post("/queue/next", { tab, ...wanted(), have: [...kept], want });
    if (asked !== line) return;
    reached();
    if (!told.ready) {
      if (told.trouble) loading("The exam cannot be read", `${told.trouble} It is tried again by itself.`);
      else loading("The exam is being read", "This takes a few seconds for a thousand sheets. The first field comes by itself.");
      setTimeout(fill, 700);
      return;
    }
    enough = told.enough;
    drop(new Set(told.lost));
    const known = new Set(have());
    for (const field of told.fields) if (!known.has(field.key)) ahead.push(entryOf(field));
    // What this window has is counted here: the server may not have heard yet of what was answered and skipped in it.
    left = told.beyond - told.fields.length + here();
    others = told.others;
    began = Math.max(began, left);
    if (!current && ahead.length) {
      next();
    } else if (!current && unwanted.size) {
      // What was skipped comes again once the server knows that it was.
      setTimeout(fill, 300);
    } else if (!current) {
      finished();
      setTimeout(() => asked === line && !current && isThere() && fill(), POLL_MS);
    }
    count();
  } catch (problem) {
    if (asked === line) unreached(problem);
  } finally {
    if (asked === line) filling = false;
  }
}

// Fields that others have decided meanwhile, or that other fields made sure.
function drop(lost) {
  for (let at = ahead.length - 1; at >= 0; at -= 1) if (lost.has(ahead[at].field.key)) ahead.splice(at, 1);
  if (current && place < 0 && lost.has(current.field.key) && !current.field.closed) lose(current);
}

// The field on the screen is settled, or is on somebody else's screen by now.
async function lose(entry) {
  try {
    const field = await get(`/queue/field/${entry.field.key}`);
    if (current !== entry) return;
    const isTaken = !field.closed;
    if (isTaken && !typed.value) {
      say("Somebody else has the field that was here on the screen by now. This is the next one.");
      next();
    } else {
      entry.field = field;
      entry.typed = field.closed ? "" : typed.value;
      entry.note = isTaken ? "Somebody else has this field on the screen too by now. The first answer is taken." : "";
      show(entry);
    }
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
  }
}

// Shows the field on the screen as it is now, with why it is another one than before.
async function refresh(entry, why) {
  try {
    const field = await get(`/queue/field/${entry.field.key}`);
    if (current !== entry) return;
    Object.assign(entry, { field, note: why, typed: field.closed ? "" : typed.value, said: field.said, op: null, before: null });
    show(entry);
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    if (current === entry) wrong(why);
  }
}

// Brings a field back whose answer was refused: after the one on the screen, so that nothing is typed into the wrong one.
async function bringBack(op, why) {
  let field = null;
  try {
    field = await get(`/queue/field/${op.key}`);
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    if (problem.status === 404) return;
    // Whatever became of it on the server: what was said comes back to the screen, of the field as it was.
    ({ field } = op);
  }
  const entry = entryOf(field);
  entry.note = why;
  entry.typed = field.closed ? "" : (op.text ?? "");
  // It may have been handed out anew meanwhile: it comes once.
  for (let at = ahead.length - 1; at >= 0; at -= 1) if (ahead[at].field.key === op.key) ahead.splice(at, 1);
  if (current?.field.key === op.key) {
    entry.typed = field.closed ? "" : typed.value || entry.typed;
    show(entry);
    return;
  }
  ahead.unshift(entry);
  if (!current) next();
}

let renewing = false;

async function unreached(problem) {
  const status = problem instanceof Refused ? problem.status : -1;
  if (status === -1) throw problem;
  if (status === 401 || status === 403) {
    if (!renewing) {
      renewing = true;
      try {
        const told = await get("/queue/session");
        if (told.person === person) speakAs(told.csrf);
        else location.reload();
      } catch (reason) {
        if (!(reason instanceof Refused)) throw reason;
        const { words, login } = whyNot(reason);
        gone(words, login);
      } finally {
        renewing = false;
      }
    }
  } else if (status === 0 || status >= 500) {
    gone(problem.message);
  } else if (!current) {
    byId("failed-words").textContent = problem.message;
    state("failed");
    return;
  }
  setTimeout(fill, 2000);
}

function reached() {
  if (!saver.size) banner();
  for (const { crop } of ahead) again(crop);
}

// ---- what is on the screen ------------------------------------------------------------------------------------------

function show(entry) {
  current = entry;
  const said = place >= 0 ? entry.said : undefined;
  draw(entry.field, { crop: entry.crop, around: entry.around, text: entry.typed, note: entry.note, said, heard });
  heard = "";
  again(entry.crop);
  again(entry.around);
  hurry(entry.around);
  byId("undo").disabled = !past.length;
  byId("previous").disabled = place === 0 || !past.length;
  entry.shownAt = performance.now();
  painted(entered);
  entered = 0;
}

function isThere() {
  return Date.now() - active < AWAY_MS;
}

function count() {
  put("left", left.toLocaleString("en"));
  put("left-words", left === 1 ? "field to look at" : "fields to look at");
  const words = pace.words(left);
  put("pace", words);
  const bar = byId("progress");
  bar.max = Math.max(began, 1);
  bar.value = Math.max(began - left, 0);
}

function finished() {
  const elsewhere = left > 0 && !others; // with this person in another window
  const heading = others ? "Others have the last fields on their screens" : elsewhere ? "The last fields are in another window of yours" : saver.size ? "Your last answers are being stored" : "Nothing waits for you";
  put("finished-heading", enough ? "You have enough fields" : heading);
  const mine = pace.done ? ` You decided ${pace.done.toLocaleString("en")} here.` : "";
  put(
    "finished-words",
    enough
      ? enough
      : others || elsewhere
      ? `${(others || left).toLocaleString("en")} ${(others || left) === 1 ? "field is" : "fields are"} still open. Those that are left come here by themselves.`
      : isNarrowed()
        ? `No field that you asked for is open.${mine}`
        : `Every field that you can settle is settled.${mine}`,
  );
  put("finished-more", saver.size ? `${saver.size} decisions are still on their way to the server.` : "What comes in later shows up here by itself.");
  byId("show-all").hidden = !isNarrowed();
  if (root.dataset.state !== "finished") {
    state("finished");
    byId("finished-heading").focus({ preventScroll: true });
  }
}

// ---- deciding -------------------------------------------------------------------------------------------------------

const WORDS = ["blank", "cancelled", "unreadable"];
const textOf = (said) => (WORDS.includes(said) ? "" : (said ?? ""));

const asking = new Set(); // what is being checked: a field and what was typed for it

async function takeTyped() {
  const entry = current;
  if (!entry) return;
  const text = typed.value.trim();
  const check = `${entry.field.key} ${text}`;
  if (entry.field.closed) {
    next();
  } else if (!text) {
    if (place >= 0) next();
    else wrong(entry.field.no_blank || "Nothing is typed. Space takes the best guess, / says that nothing is written here.");
  } else if (place >= 0 && text === entry.said) {
    next();
  } else if (surely(entry.field, text) !== null) {
    decide("value", surely(entry.field, text));
  } else if (!asking.has(check)) {
    asking.add(check);
    try {
      const told = await post("/queue/check", { key: entry.field.key, text });
      if (current === entry && typed.value.trim() === text) {
        if (told.value) decide("value", told.value);
        else decide("blank");
      }
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
      if (current === entry) {
        wrong(problem.status === 422 ? problem.message : `This could not be checked: ${problem.message}`);
        typed.select();
      }
      if (problem.status === 0) gone(problem.message);
      else if (problem.status === 401 || problem.status === 403) unreached(problem);
    } finally {
      asking.delete(check);
    }
  }
}

function decide(word, text = "") {
  const entry = current;
  // Nobody can say what is written where nobody can see it.
  if (!hasCome(entry.crop)) {
    wrong(UNSEEN);
    return;
  }
  const { field } = entry;
  const isAgain = place >= 0 || entry.again === true;
  const before = { said: entry.said, op: entry.op, before: entry.before, isKept: place >= 0, undone: null };
  // Where a second person answers unseen, an answer is not replaced but taken back first.
  if (place >= 0 && field.blind && entry.said !== null) before.undone = saver.undo(field, entry.op);
  entry.before = before;
  entry.op = saver.say(field, word, text, isAgain);
  entry.said = text || word;
  heard = `${nameOf(field)}: ${entry.said}. `;
  entry.typed = "";
  entry.note = "";
  if (place < 0) {
    pace.add(performance.now() - entry.shownAt);
    past.push(entry);
    if (past.length > MOST_PAST) past.shift();
    left = Math.max(left - 1, 0);
    count();
  }
  next();
}

function takeGuess(at) {
  if (!current || current.field.closed) return;
  const guess = current.field.guesses[at];
  if (!guess) {
    wrong(at ? `There is no guess number ${at + 1} for this field.` : "The machine has no guess for this field. Type what you read.");
    return;
  }
  if (guess.percent === null) decide("value", guess.value);
  else if (guess.value) decide("guess", guess.value);
  else decide("blank");
}

function setAside() {
  if (!current) return;
  current.typed = typed.value;
  if (place < 0 && !current.field.closed) ahead.unshift(current);
}

function next() {
  if (place >= 0 && place + 1 < past.length) {
    place += 1;
    show(past[place]);
    return;
  }
  place = -1;
  const entry = ahead.shift();
  if (entry) {
    show(entry);
  } else {
    current = null;
    loading("The next fields are on their way", "They come by themselves.");
  }
  if (ahead.length < FEW) fill();
}

function previous() {
  if (place === 0 || !past.length) return;
  if (place < 0) setAside();
  place = (place < 0 ? past.length : place) - 1;
  const entry = past[place];
  entry.typed = textOf(entry.said);
  show(entry);
}

function skip() {
  if (!current || current.field.closed) return;
  if (place < 0) {
    const { key } = current.field;
    unwanted.add(key);
    post("/queue/skip", { tab, key })
      .then(() => {
        unwanted.delete(key);
        if (!current) fill();
      })
      .catch(() => setTimeout(() => unwanted.delete(key), 60_000));
  }
  next();
}

// Takes the last answer back: what stood before it stands again, in this window as on the server.
function undo() {
  const entry = place >= 0 ? past[place] : past[past.length - 1];
  if (!entry) {
    say("There is nothing to take back: you have decided nothing in this window.");
    return;
  }
  const isUnsent = Boolean(entry.op && saver.cancel(entry.op));
  if (!isUnsent) saver.undo(entry.field, entry.op);
  // What was taken back to make room for this answer stands again only if the server never heard of that.
  const { undone } = entry.before ?? {};
  const isLost = Boolean(undone) && !(isUnsent && saver.cancel(undone));
  const stands = (!isLost && entry.before) || { said: null, op: null, before: null, isKept: false };
  if (!isUnsent || isLost) entry.again = true;
  if (place < 0) setAside();
  const at = past.indexOf(entry);
  Object.assign(entry, { said: stands.said, op: stands.op, before: stands.before });
  entry.typed = textOf(entry.said);
  entry.note = `You took this answer back${entry.said === null ? "." : `: ${entry.said} stands again.`}`;
  if (stands.isKept) {
    place = at;
  } else {
    past.splice(at, 1);
    place = -1;
    pace.takeBack();
    left += 1;
    count();
  }
  show(entry);
}

// ---- what becomes of it ---------------------------------------------------------------------------------------------

saver.addEventListener("refused", ({ detail: { op, problem } }) => {
  const at = past.findIndex((entry) => entry.field.key === op.key);
  const isShown = current?.field.key === op.key;
  if (at >= 0 && !isShown) {
    past.splice(at, 1);
    if (place > at) place -= 1;
  }
  const name = nameOf(op.field);
  const what = op.kind === "undo" ? "was not taken back" : "was not stored, and comes back after this field";
  say(`${name} on sheet ${op.field.sheet} ${what}: ${problem}`);
  const why = `${op.text ? `You said ${op.text}. ` : ""}${problem}`;
  if (isShown) refresh(current, why);
  else bringBack(op, why);
});

let hasSaved = false;
byId("saving").setAttribute("aria-live", "off"); // it changes with every field; trouble is told by the banner

saver.addEventListener("changed", ({ detail: { waiting, trouble, login } }) => {
  hasSaved ||= waiting > 0;
  byId("saving").textContent = savingWords(waiting, trouble, hasSaved);
  if (trouble) gone(trouble, login);
  else if (!waiting) banner();
  if (inTrouble && !waiting) put("spoken", "Every decision is stored now.");
  inTrouble = Boolean(trouble) || (inTrouble && waiting > 0);
  if (root.dataset.state === "finished") finished();
});

function gone(trouble, login = false) {
  const waiting = saver.size;
  const what = trouble.startsWith("The server does not answer") ? "The server does not answer." : trouble;
  const waits = waiting ? `${waiting.toLocaleString("en")} ${waiting === 1 ? "decision waits" : "decisions wait"} here, nothing is lost.` : "";
  banner([what, waits, login ? "" : "Trying again."], login);
}

// ---- keys, buttons, leaving -----------------------------------------------------------------------------------------

const isEmpty = () => typed.value === "";
const isUntouched = () => !current || isEmpty() || typed.value === current?.typed;

// A key that is held down decides once: the field after it was not looked at yet.
// With `back` it also works where no field is on the screen, after the last one.
function once(run, { empty = false, untouched = false, back = false } = {}) {
  return (event) => {
    const { state: now } = root.dataset;
    if ((now !== "one" && !(back && now !== "failed" && past.length)) || (empty && !isEmpty()) || (untouched && !isUntouched())) return false;
    if (event.target instanceof HTMLElement && event.target.closest("#choice")) return false;
    if (event.target instanceof HTMLElement && event.target.closest("a, button") && [" ", "Enter"].includes(event.key)) return false;
    if (event.repeat) return true;
    entered = event.timeStamp;
    run();
    return true;
  };
}

bind([
  { keys: ["Enter"], typing: true, says: "Take what is typed", run: once(takeTyped) },
  { keys: [" ", "Alt+g"], typing: true, says: "Take the best guess, or what is offered first (Space while nothing is typed)", run: (event) => once(() => takeGuess(0), { empty: event.key === " " })(event) },
  { keys: ["Alt+1", "Alt+2", "Alt+3", "Alt+4", "Alt+5"], typing: true, says: "Take one of the guesses", run: (event) => once(() => takeGuess(Number(/[1-5]/.exec(event.code + event.key)[0]) - 1))(event) },
  { keys: ["/", "Alt+b"], typing: true, says: "Blank: nothing is written there (/ while nothing is typed)", run: (event) => once(() => decideWord("blank"), { empty: event.key === "/" })(event) },
  { keys: ["*", "Alt+c"], typing: true, says: "Cancelled: written and crossed out (* while nothing is typed)", run: (event) => once(() => decideWord("cancelled"), { empty: event.key === "*" })(event) },
  { keys: ["Alt+u"], typing: true, says: "Unreadable: nobody can read it", run: once(() => decideWord("unreadable")) },
  { keys: ["PageDown", "Alt+s"], typing: true, says: "Skip: it comes again at the end", run: once(skip) },
  { keys: ["PageUp", "Alt+p"], typing: true, says: "Previous: what you decided before", run: once(previous, { back: true }) },
  { keys: ["Ctrl+z", "Alt+z"], typing: true, says: "Undo your last decision (Ctrl+Z while nothing is typed)", run: (event) => once(undo, { untouched: event.ctrlKey || event.metaKey, back: true })(event) },
  { keys: ["Escape"], typing: true, says: "Clear what is typed", run: once(() => { typed.value = ""; wrong(""); }) },
  { keys: ["?"], typing: true, says: "", run: (event) => { if (event.target.closest?.("#choice")) return false; showKeys(); return true; } },
]);

function decideWord(word) {
  if (!current || current.field.closed) return;
  if (current.field.no_blank && word !== "unreadable") wrong(current.field.no_blank);
  else decide(word);
}

byId("answer").addEventListener("submit", (event) => {
  event.preventDefault();
  entered = event.timeStamp;
  takeTyped();
  typed.focus({ preventScroll: true });
});
typed.addEventListener("input", () => {
  if (byId("wrong").textContent && !current?.field.closed) wrong("");
});
byId("guesses").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-guess]");
  if (button) pressed(event, () => takeGuess(Number(button.dataset.guess)));
});
for (const button of document.querySelectorAll("[data-word]")) {
  button.addEventListener("click", (event) => pressed(event, () => decideWord(button.dataset.word)));
}
byId("skip").addEventListener("click", (event) => pressed(event, skip));
byId("undo").addEventListener("click", (event) => pressed(event, undo));
byId("previous").addEventListener("click", (event) => pressed(event, previous));

function pressed(event, run) {
  entered = event.timeStamp;
  run();
  if (root.dataset.state === "one") typed.focus({ preventScroll: true });
}

// Typing goes into the answer, wherever the focus was left.
document.addEventListener("keydown", (event) => {
  const lost = event.target === document.body || event.target.id === "main";
  if (lost && event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey && root.dataset.state === "one") {
    typed.focus({ preventScroll: true });
  }
}, { capture: true });
byId("keys").addEventListener("close", () => root.dataset.state === "one" && typed.focus({ preventScroll: true }));
document.addEventListener("click", (event) => {
  const away = !event.target.closest("button, a, input, select, label, summary, dialog");
  if (away && root.dataset.state === "one" && !String(getSelection())) typed.focus({ preventScroll: true });
});

choice.addEventListener("change", beginLine);
choice.addEventListener("submit", (event) => event.preventDefault());
for (const id of ["clear", "show-all"]) byId(id).addEventListener("click", showAll);
byId("retry").addEventListener("click", () => { state("loading"); fill(); });
onElsewhere(() => { fromAddress(); beginLine(); });
addEventListener("pagehide", () => tell("/queue/leave", { tab }));
addEventListener("pageshow", (event) => event.persisted && fill());
setInterval(() => root.dataset.state === "one" && isThere() && fill(), KEEP_MS);
for (const event of ["keydown", "pointerdown", "focus"]) {
  addEventListener(event, () => {
    const wasAway = !isThere();
    active = Date.now();
    if (wasAway) fill();
  }, { capture: true, passive: true });
}

fromAddress();
toAddress();
if (saver.others.length) {
  const whose = [...new Set(saver.others.map((op) => op.person))].join(", ");
  say(`${saver.others.length} decisions of ${whose} wait in this window. They are stored when ${whose} logs in here again.`);
}
saver.start();
fill();
