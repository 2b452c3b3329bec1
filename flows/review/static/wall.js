// The wall of one group: strike the wrong ones, confirm the page with Enter; the next page is there already.

import { post, tell, token } from "./api.js";
import { bind } from "./keys.js";
import { Grid, preload } from "./wall_grid.js";
import { lostWords } from "./wall_pictures.js";
import { Saver } from "./wall_saver.js";
import { Strikes } from "./wall_strikes.js";
import { giveBack, plural, refusedWords, storedWords } from "./wall_told.js";
import { windowName } from "./window_name.js";

const KEEP_MS = 30_000; // leases last three times as long
const LOOK_AGAIN_MS = 1500;
const MOST_UNDONE = 20;
const MOST_LEFT_OUT = 60; // fields without a picture that are passed over; with more, they come again

const byId = (id) => document.getElementById(id);
const place = byId("wall-grid");
const group = place.dataset.group;
const of = { group, title: byId("wall-title").textContent };
const note = byId("wall-note");
const state = byId("wall-state");

const tab = await windowName(); // two windows do not show the same field
const strikes = new Strikes(tab, document.querySelector(".who").textContent, group); // also of pages that come again
const grid = new Grid(place, byId("wall-about"), { struck: struckNow, lost });
let next = null; // the promise of the page after this one
let guess = "";
let left = 0;
let confirmed = []; // pages that can be taken back, the latest last
const undoing = new Map(); // pages that are being taken back, by the name under which they were confirmed
let sending = new Map(); // keys of pages that are being stored, by token
let ahead = []; // keys of the page after this one
let leftOut = []; // keys of fields that were passed over, since their pictures did not come
let asked = 0;
let waits = false; // for a page that is being stored: fields of it are still on this window's account

const saver = new Saver("wall", stored, refused);
// Also those that were confirmed before this page was loaded.
for (const { url, body } of saver.waiting) if (url === "/wall/confirm") sending.set(body.token, [...body.fields, ...body.struck].map((one) => one.key));

const shown = () => grid.cells.map((cell) => cell.key);
const held = () => [...new Set([...shown(), ...ahead, ...leftOut])];
const busy = () => [...sending.values()].flat();

function struckNow(cell, isStruck) {
  if (isStruck) strikes.add(cell);
  else strikes.delete(cell);
  count();
}

function say(words, kind = "") {
  note.textContent = words;
  note.className = `wall-note ${kind}`;
}

function lost(many) {
  lostWords(note, grid, many ? `${plural(many, "picture")} did not come. What is confirmed leaves ${many === 1 ? "that field" : "those fields"} out.` : "");
  count();
}

function count() {
  const struck = grid.struck.size;
  byId("wall-count").textContent = grid.cells.length ? `${left.toLocaleString("en")} open · ${grid.cells.length} here · ${struck} struck${grid.pictures.lost.size ? ` · ${grid.pictures.lost.size} without a picture` : ""}` : "";
  byId("wall-confirm").disabled = !grid.cells.length;
  byId("wall-undo").disabled = !confirmed.length;
}

// `early`: fields that this window still has may be free a moment later.
function load(without, early = saver.size > 0) {
  const wanted = post("/wall/page", { tab, group, without }).then((told) => {
    preload(told.cells ?? []);
    ahead = (told.cells ?? []).map((cell) => cell.key);
    return { ...told, early };
  });
  wanted.catch(() => {});
  return wanted;
}

function tellState(heading, words, retry) {
  grid.clear();
  const title = document.createElement("h2");
  title.textContent = heading;
  const text = document.createElement("p");
  text.textContent = words;
  state.replaceChildren(title, text);
  if (retry) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Try again";
    button.addEventListener("click", () => begin());
    state.append(button);
  } else {
    const link = document.createElement("a");
    link.className = "button main";
    link.href = "/wall";
    link.textContent = "To the groups";
    state.append(link);
  }
  state.hidden = false;
  state.querySelector("a, button").focus();
  count();
}

// Shows a page that was asked for, and asks for the one after it.
async function show(page) {
  const mine = ++asked;
  waits = false;
  let told;
  try {
    told = await page;
  } catch (problem) {
    if (mine !== asked) return;
    if (problem.status !== 0 && problem.status < 500) {
      tellState("The fields cannot be loaded", problem.message, true);
      return;
    }
    tellState("The fields cannot be loaded", `${problem.message} They come by themselves as soon as it does.`, true);
    setTimeout(() => mine === asked && begin(), LOOK_AGAIN_MS);
    return;
  }
  if (mine !== asked) return;
  if (told.loading) {
    tellState(told.trouble ? "The exam cannot be read" : "The exam is being read", told.trouble || "The fields come in a moment.", true);
    setTimeout(() => mine === asked && begin(), LOOK_AGAIN_MS);
    return;
  }
  if (!told.cells.length && told.enough && told.early) {
    if (!saver.size) {
      begin();
      return;
    }
    tellState("One moment", "The fields after these come as soon as the page before is stored.", true);
    waits = true;
    return;
  }
  if (!told.cells.length) {
    if (!told.enough && !told.elsewhere && leftOut.length) {
      tellState("Pictures did not come", `${plural(leftOut.length, "field")} of this group could not be shown, and nothing was said of them: they are still open.`, true);
      return;
    }
    const words = told.enough ? told.enough : told.elsewhere ? `${plural(told.elsewhere, "field")} of this group stand in another window, yours or somebody else's.` : "Everything of this group is confirmed, or was struck and waits in the queue.";
    tellState(told.enough ? "You have enough fields" : told.elsewhere ? "In another window" : "This group is done", words, Boolean(told.elsewhere));
    return;
  }
  state.hidden = true;
  guess = told.guess;
  left = told.left;
  next = null;
  grid.show(told.cells, told.cells.filter((cell) => strikes.has(cell)).map((cell) => cell.key));
  count();
  askAhead();
}

// Asks for the page after the one on the screen: not while a page is being stored, whose fields this window still has.
function askAhead() {
  if (next || !grid.cells.length || saver.size) return;
  const after = load([...shown(), ...busy(), ...leftOut], true);
  next = after;
  // That there is no room beside this page says nothing of the time after it.
  after.then((told) => { if (told.enough && next === after) next = null; }).catch(() => {});
}

function begin() {
  next = null;
  leftOut = [];
  place.hidden = false;
  return show(load(busy()));
}

function confirm() {
  if (!grid.cells.length) {
    if (!state.hidden) state.querySelector("a, button")?.click();
    return;
  }
  if (!grid.seen()) {
    say(grid.unseen("page"), "warn");
    return;
  }
  const name = token();
  const fields = [];
  const struck = [];
  const out = [];
  for (const { key, revision } of grid.cells) (grid.struck.has(key) ? struck : grid.isLost({ key }) ? out : fields).push({ key, revision });
  if (!fields.length && !struck.length) {
    say("No picture of this page came, so nothing was confirmed. They are asked for again.", "warn");
    grid.again();
    return;
  }
  const body = { tab, token: name, guess, fields, struck };
  sending.set(name, [...fields, ...struck].map((one) => one.key));
  for (const one of struck) strikes.delete(one);
  confirmed = [...confirmed, { name, keys: fields.map((one) => one.key), struck }].slice(-MOST_UNDONE);
  saver.send("/wall/confirm", body, of);
  say(`${plural(fields.length, "field")} confirmed as ${of.title.replace("read as ", "")}${struck.length ? `, ${struck.length} struck for the queue` : ""}${out.length ? `, ${out.length} left out, whose pictures did not come` : ""}.`, out.length ? "warn" : "good");
  leftOut.push(...out.map((one) => one.key));
  if (leftOut.length > MOST_LEFT_OUT) begin();
  else show(next ?? load([...busy(), ...leftOut]));
}

function undo() {
  const last = confirmed.pop();
  if (!last) {
    say("There is no page to take back: only pages confirmed in this window are.", "warn");
    return;
  }
  for (const one of last.struck) strikes.add(one);
  undoing.set(last.name, last);
  saver.send("/wall/undo", { token: token(), confirmed: last.name, keys: last.keys, struck: last.struck.map((one) => one.key) }, of);
  say("The page is being taken back …");
  count();
}

function goOn() {
  if (waits) begin();
  else askAhead();
}

function stored(sent, told) {
  const words = storedWords(sent, told, group);
  if (words) say(words, told.late.length ? "warn" : "good");
  if (sent.url === "/wall/undo") {
    post("/wall/free", { tab, keys: held() }).catch(() => {}).finally(begin);
    return;
  }
  sending.delete(sent.body.token);
  goOn();
}

function refused(sent, problem) {
  sending.delete(sent.body.token);
  giveBack(strikes, sent);
  if (sent.url === "/wall/undo") {
    // It can be tried again, with a token of its own.
    const last = undoing.get(sent.body.confirmed);
    if (last) confirmed.push(last);
  } else {
    confirmed = confirmed.filter((one) => one.name !== sent.body.token);
  }
  say(refusedWords(sent, problem, group), "wrong");
  count();
  goOn();
}

bind([
  ...grid.keys(),
  { keys: ["Enter"], says: "Confirm the page: everything that is not struck holds the value above", run: (event) => (event.repeat || event.target.closest?.("a, header, #wall-undo, #wall-note, .state") ? false : confirm()) },
  { keys: ["u", "Ctrl+z"], says: "Take the last page back", run: undo },
  { keys: ["Escape"], says: "Back to the groups", run: () => byId("wall-back").click() },
]);
byId("wall-confirm").addEventListener("click", confirm);
byId("wall-undo").addEventListener("click", undo);
setInterval(() => grid.cells.length && post("/wall/keep", { tab, keys: held() }).then((told) => told.lost.length && say(`${plural(told.lost.length, "field")} of this page went to somebody else while you were away; what they decide is not taken twice.`, "warn")).catch(() => {}), KEEP_MS);
addEventListener("online", () => grid.pictures.lost.size && grid.again());
// Whoever leaves gives back what he does not need any more; a window that is closed too hard for that loses it in time.
addEventListener("pagehide", () => grid.cells.length && tell("/wall/free", { tab, keys: held() }));
begin();
