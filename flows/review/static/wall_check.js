// The sample check: accepted fields on walls of sixty. What is struck is typed, everything else was read right.

import { get, LONG_MS, offline, post } from "./api.js";
import { bind } from "./keys.js";
import { Grid, preload } from "./wall_grid.js";
import { lostWords } from "./wall_pictures.js";

const LOOK_AGAIN_MS = 1500;

const byId = (id) => document.getElementById(id);
const note = byId("wall-note");
const start = byId("check-start");
const state = byId("wall-state");
const place = byId("wall-grid");
const buttons = { confirm: byId("wall-confirm"), before: byId("check-before"), drop: byId("check-drop"), handIn: byId("check-hand-in") };

let round = null;
let wall = 0;
const loaded = new Map(); // walls that came already, by number
const written = new Map(); // what is written in struck fields, by key
let working = false;

const grid = new Grid(place, byId("wall-about"), { struck: struckNow, lost, caption });

const plural = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
const perThousand = (rate) => `${Number((rate * 1000).toPrecision(3))} in 1,000`;

function say(words, kind = "") {
  note.textContent = words;
  note.className = `wall-note ${kind}`;
}

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Runs something that asks the server; what fails is told, and the page stays as it is.
async function attempt(work) {
  if (working) return;
  working = true;
  try {
    await work();
    offline();
  } catch (problem) {
    if (problem.status === 0 || problem.status === 503) offline(`${problem.message} What you struck and typed stays on the screen; do it again.`);
    else say(problem.message ?? String(problem), "wrong");
  } finally {
    working = false;
  }
}

// The same for what is typed and taken back: one after another, and none is dropped because one is still on its way.
let inTurn = Promise.resolve();
function afterwards(work) {
  inTurn = inTurn.then(async () => {
    while (working) await new Promise((done) => setTimeout(done, 50));
    await attempt(work);
  });
}

// ---- the start -------------------------------------------------------------------------------------------------------

function figures(told) {
  const kept = { yes: "kept", no: "not kept", "not shown yet": "not shown yet" }[told.kept];
  const list = [["Looked at", plural(told.looked_at, "field")]];
  if (told.looked_at) {
    list.push(["Wrong", told.wrong.toLocaleString("en")]);
    list.push(["Measured error rate", `${perThousand(told.rate)} (${perThousand(told.low)} to ${perThousand(told.high)} at 95 %)`]);
  }
  list.push(["The promise", `${told.broken ? "not kept" : kept}: at most ${perThousand(told.promise)} wrong`]);
  if (told.reopened) {
    list.push(["Reopened", `${plural(told.reopened, "field")}, ${told.waiting.toLocaleString("en")} of them wait for a person`]);
    list.push(["Still accepted", `${plural(told.accepted, "field")}; of these ${told.left.looked_at.toLocaleString("en")} were looked at, ${told.left.wrong.toLocaleString("en")} wrong`]);
  }
  return list.flatMap(([name, value]) => [element("dt", name, "soft"), element("dd", value, name === "The promise" ? (told.broken ? "wrong" : told.kept === "yes" ? "good" : "warn") : "")]);
}

// What the figures do not say already.
const sentences = ({ words, accepts, looked_at, reopened }) => [...(reopened ? [] : looked_at ? words.slice(1) : words), ...accepts];

function showStart(told) {
  grid.clear();
  state.hidden = true;
  start.hidden = false;
  byId("check-figures").replaceChildren(...figures(told.standing));
  byId("check-words").replaceChildren(...sentences(told.standing).map((words) => element("li", words)));
  byId("check-accepted").textContent = plural(told.accepted, "field");
  byId("check-other").hidden = !told.accepted;
  byId("check-offers").replaceChildren(
    ...told.offers.map((one) => {
      const button = element("button", "", "check-offer");
      button.type = "button";
      button.append(element("b", one.more.toLocaleString("en")), element("span", one.says), element("span", `about ${one.minutes} min`, "soft"));
      button.addEventListener("click", () => attempt(() => draw(one.more)));
      return button;
    }),
  );
  if (!told.offers.length) byId("check-offers").append(element("p", "There is nothing to draw: every accepted field was looked at.", "soft"));
  tellRound();
}

async function draw(number) {
  await goOn(await post("/wall/check/begin", { number }, LONG_MS));
  say(`${plural(round.drawn, "field")} drawn at random, on ${plural(round.walls.length, "wall")}.`);
}

let asking;
byId("check-number").addEventListener("input", (event) => {
  clearTimeout(asking);
  const number = event.target.valueAsNumber;
  if (!Number.isInteger(number) || number < 1) return;
  asking = setTimeout(() => attempt(async () => (byId("check-says").textContent = (await get(`/wall/check/offer?number=${Math.min(number, 100000)}`)).says)), 250);
});
byId("check-other").addEventListener("submit", (event) => {
  event.preventDefault();
  const number = byId("check-number").valueAsNumber;
  if (Number.isInteger(number)) attempt(() => draw(number));
});

// ---- a wall ----------------------------------------------------------------------------------------------------------

function caption(cell, struck) {
  if (!struck) return element("b", cell.read);
  const input = document.createElement("input");
  input.className = "written";
  input.maxLength = 200;
  input.autocomplete = "off";
  input.spellcheck = false;
  input.placeholder = "or blank";
  input.setAttribute("aria-label", `What is written in ${cell.question}, read as ${cell.read}: a value, or the word blank`);
  input.value = written.has(cell.key) ? written.get(cell.key) || "blank" : "";
  input.addEventListener("keydown", (event) => typed(event, cell, input));
  input.addEventListener("change", () => afterwards(() => tell(cell, input)));
  return input;
}

function typed(event, cell, input) {
  if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  if (event.key === "Escape") {
    grid.look(grid.cells.indexOf(cell));
    if (!written.has(cell.key)) grid.toggle();
    return;
  }
  afterwards(async () => {
    if (await tell(cell, input)) grid.look(grid.cells.indexOf(cell));
  });
}

// Has the server check what is typed and remember it, so that a page that is loaded again goes on with it.
async function tell(cell, input) {
  const text = input.value.trim();
  // The strike was taken off meanwhile, or another wall is shown.
  if (!grid.struck.has(cell.key)) return false;
  if (text === (written.has(cell.key) ? written.get(cell.key) || "blank" : "")) return Boolean(text);
  input.removeAttribute("aria-invalid");
  try {
    const told = await post("/wall/check/say", { round: round.id, key: cell.key, text });
    written.set(cell.key, told.text);
    input.value = told.text || "blank";
    count();
    say(`${cell.question}: ${told.text || "blank"} is written, ${cell.read} was read.`, "good");
    return true;
  } catch (problem) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
    throw problem;
  }
}

function lost(many) {
  lostWords(note, grid, many ? `${plural(many, "picture")} did not come: the wall cannot be confirmed without.` : "");
}

function struckNow(cell, isStruck) {
  if (isStruck) {
    grid.itemOf(cell.key).querySelector("input.written")?.focus();
    say(`What is written there? It may hold ${cell.may_hold}; or type the word blank.`);
  } else if (written.delete(cell.key)) {
    afterwards(() => post("/wall/check/say", { round: round.id, key: cell.key }));
  }
  count();
}

async function wallAt(number) {
  if (!loaded.has(number)) {
    const told = await get(`/wall/check/wall?round=${encodeURIComponent(round.id)}&number=${number}`);
    loaded.set(number, told.cells);
    for (const cell of told.cells) if (cell.written !== null) written.set(cell.key, cell.written);
    preload(told.cells);
  }
  return loaded.get(number);
}

async function showWall(number) {
  const cells = await wallAt(number);
  wall = number;
  start.hidden = true;
  state.hidden = true;
  grid.show(cells, cells.map((cell) => cell.key).filter((key) => written.has(key)));
  // Fields of one value stand together: where the ground changes, another value begins.
  let odd = false;
  cells.forEach((cell, at) => {
    odd = at > 0 && cell.group !== cells[at - 1].group ? !odd : odd;
    place.children[at].classList.toggle("odd", odd);
  });
  tellRound();
  if (number + 1 < round.walls.length) wallAt(number + 1).catch(() => {});
}

// What is struck on this wall is wrong, whether it has been typed yet or not.
const wrong = () => new Set([...written.keys(), ...grid.struck]).size;

function count() {
  byId("wall-count").textContent = round ? `wall ${wall + 1} of ${round.walls.length} · ${round.looked_at.toLocaleString("en")} of ${round.drawn.toLocaleString("en")} looked at · ${wrong().toLocaleString("en")} wrong` : "";
}

function tellRound() {
  const open = Boolean(round);
  buttons.confirm.hidden = !open || !grid.cells.length;
  buttons.before.hidden = !open || wall === 0 || !grid.cells.length;
  buttons.drop.hidden = !open;
  // Once every wall is confirmed, what says so has the button.
  buttons.handIn.hidden = !open || !grid.cells.length;
  buttons.handIn.disabled = !round?.looked_at;
  count();
}

async function goOn(told) {
  if (round?.id !== told.id) {
    loaded.clear();
    written.clear();
  }
  round = told;
  const open = round.walls.find((one) => !one.confirmed);
  if (open) return showWall(open.number);
  return looked();
}

function looked() {
  grid.clear();
  start.hidden = true;
  const text = `${plural(round.drawn, "field")} looked at, ${written.size || round.wrong} of them wrong. Nothing is stored until you hand it in.`;
  state.replaceChildren(element("h2", "Every wall is confirmed"), element("p", text));
  const button = element("button", "Hand in", "main");
  button.type = "button";
  button.addEventListener("click", () => handIn());
  state.append(button);
  state.hidden = false;
  tellRound();
  button.focus();
}

async function confirm() {
  if (!grid.cells.length) return;
  await inTurn; // what was typed last may still be on its way
  if (!grid.seen()) {
    say(grid.unseen("wall"), "warn");
    return;
  }
  // What is struck was looked up on its sheet: somebody typed what is written there.
  const missed = grid.cells.filter((cell) => grid.isLost(cell) && !grid.struck.has(cell.key)).length;
  if (missed) {
    lost(missed);
    return;
  }
  const missing = grid.cells.find((cell) => grid.struck.has(cell.key) && !written.has(cell.key));
  if (missing) {
    const input = grid.itemOf(missing.key).querySelector("input.written");
    input.focus();
    // Why it was refused stands there.
    if (input.getAttribute("aria-invalid") !== "true") say(`Type what is written in ${missing.question}, or the word blank, before you confirm the wall; or take the strike off.`, "warn");
    return;
  }
  attempt(async () => {
    const told = await post("/wall/check/confirm", { round: round.id, wall, struck: [...grid.struck] });
    round = told;
    say(`Wall ${wall + 1} confirmed; it is stored when you hand in.`, "good");
    const after = round.walls.find((one) => one.number > wall && !one.confirmed) ?? round.walls.find((one) => !one.confirmed);
    if (after) await showWall(after.number);
    else looked();
  });
}

function before() {
  if (round && wall > 0) attempt(() => showWall(wall - 1));
}

// ---- the end ---------------------------------------------------------------------------------------------------------

function sure(heading, words, yes, work) {
  byId("check-sure-heading").textContent = heading;
  byId("check-sure-words").replaceChildren(...words.map((one) => element("li", one)));
  byId("check-yes").textContent = yes;
  byId("check-yes").onclick = () => {
    byId("check-sure").close();
    work();
  };
  byId("check-sure").showModal();
}

// What handing in would do is told before: fields that are reopened are work for people.
function handIn() {
  if (!round.looked_at) return;
  say("Weighing the sample …");
  attempt(async () => {
    const told = await get(`/wall/check/weigh?round=${encodeURIComponent(round.id)}`, LONG_MS);
    say("");
    const heading = told.reopened ? `Hand in, and reopen ${plural(told.reopened, "field")}?` : "Hand in this sample?";
    const words = told.wrong ? [...told.words, "Hand it in whatever it shows: a sample that is dropped because of its errors makes the error rate look better than it is."] : told.words;
    sure(heading, words, told.reopened ? `Hand in, reopen ${told.reopened.toLocaleString("en")}` : "Hand in", () => attempt(send));
  });
}

async function send() {
  say("Weighing the sample …");
  const told = await post("/wall/check/hand-in", { round: round.id }, LONG_MS);
  say("");
  round = null;
  loaded.clear();
  written.clear();
  grid.clear();
  start.hidden = true;
  const box = element("div", "", "panel check-result");
  const list = document.createElement("ul");
  list.className = "check-words";
  list.append(...[...told.words, ...told.left_out].map((words) => element("li", words)));
  const table = document.createElement("dl");
  table.className = "check-figures";
  table.append(...figures(told.standing));
  const link = element("a", told.standing.waiting ? "Look at what is in doubt" : "To the dashboard", "button main");
  link.href = told.standing.waiting ? "/queue?reason=doubted" : "/";
  const again = element("button", "Another sample");
  again.type = "button";
  again.addEventListener("click", () => attempt(load));
  const after = element("p", "");
  after.append(link, " ", again);
  box.append(element("h2", "The sample is handed in"), table, list, after);
  state.replaceChildren(box);
  state.hidden = false;
  tellRound();
  link.focus();
}

buttons.confirm.addEventListener("click", confirm);
buttons.before.addEventListener("click", before);
buttons.handIn.addEventListener("click", handIn);
buttons.drop.addEventListener("click", () => sure("Drop this sample?", ["Nothing of it is stored.", "A sample that is dropped because of what it shows makes the error rate look better than it is."], "Drop it", () => attempt(async () => {
  await post("/wall/check/drop", { round: round.id });
  round = null;
  say("The sample was dropped; nothing of it is stored.");
  await load();
})));
byId("check-no").addEventListener("click", () => byId("check-sure").close());

bind([
  ...grid.keys(),
  { keys: ["Enter"], says: "Confirm the wall: everything that is not struck was read right", run: (event) => (event.repeat || !grid.cells.length || event.target.closest?.("a, .wall-head button, .wall-note button, .top button") ? false : confirm()) },
  { keys: ["PageUp"], says: "The wall before", run: () => (grid.cells.length ? before() : false) },
]);

async function load() {
  const told = await get("/wall/check/state");
  if (told.loading) {
    state.replaceChildren(element("h2", told.trouble ? "The exam cannot be read" : "The exam is being read"), element("p", told.trouble || "This takes a few seconds the first time."));
    state.hidden = false;
    setTimeout(() => attempt(load), LOOK_AGAIN_MS);
    return;
  }
  if (told.round) await goOn(told.round);
  else showStart(told);
}

attempt(load);
