// One sheet: its pages with every reading on them, a field to put right, whose it is, what it adds up to.
import { onElsewhere, show } from "./address.js";
import { get, LONG_MS, offline, Refused, token } from "./api.js";
import { bind } from "./keys.js";
import { make, patiently, percent } from "./page_parts.js";
import { insist } from "./pictures.js";
import { areaOf, drawField } from "./sheet_field.js";
import { chooseCandidates } from "./sheet_candidate.js";
import { showBeside } from "./sheet_beside.js";
import { firstOf } from "./sheet_remarks.js";
import { Said } from "./sheet_said.js";
import { sendUntilTold } from "./sheet_saving.js";
import { Viewer, viewerKeys } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const view = $("view");
const viewer = new Viewer($("paper"));
const names = { previous: $("previous"), next: $("next") };
const typed = $("typed");
const wordButtons = [...document.querySelectorAll("#words [data-word]")];
const drafts = new Map(); // what was typed or said and is not stored, by key
const SLOW_MS = 250; // before it is said that a picture is on its way
const SETTLE_MS = 2500; // until the server has decided the whole exam anew, usually

let data = null;
let pageAt = 0;
let chosen = null;
let touched = false; // whether somebody has typed since `chosen` was shown, be it what stood there
let taken = 0; // counts what came of the sheet: an older answer does not replace a newer one
let saving = false;
const saidHere = new Said();
let turn = 0;

// ---- showing ---------------------------------------------------------------------------------------------------------

async function open(name, { push = false, key = "", page = 0 } = {}) {
  const mine = ++turn;
  try {
    const answer = await patiently(() => get(`/sheets/data?sheet=${encodeURIComponent(name)}`), $("state"), () => mine === turn);
    if (!answer || mine !== turn) return;
    if (push) show(`/sheets?sheet=${encodeURIComponent(name)}`, { push });
    leaveField();
    pageAt = Math.min(page, Math.max(answer.pages.length - 1, 0));
    take(answer);
    showPage();
    const at = key || (page ? "" : firstOf(answer)?.key);
    if (at) chooseKey(at);
    else {
      showField(null);
      viewer.svg.focus({ preventScroll: true });
    }
    ahead();
  } catch (problem) {
    if (mine === turn) trouble(problem);
  }
}

function trouble(problem) {
  if (problem instanceof Refused && problem.status === 0) offline(problem.message);
  if (data) {
    tell(problem.message, "bad");
    return;
  }
  view.hidden = true;
  $("state").hidden = false;
  $("state").replaceChildren(make("h1", {}, "This sheet cannot be shown"), make("p", {}, problem.message), make("a", { class: "button", href: "/sheets" }, "All sheets"));
}

// Takes what the server says of the sheet, and shows what stands beside the page.
function take(answer) {
  data = answer;
  taken += 1;
  offline();
  view.hidden = false;
  $("state").hidden = true;
  document.title = document.title.replace(/^[^·]*/, `${data.sheet} `);
  $("name").textContent = data.sheet;
  $("place").textContent = `${data.place.toLocaleString("en")} of ${data.of.toLocaleString("en")}${data.open ? `, ${data.open} open` : ""}`;
  for (const [way, button] of Object.entries(names)) button.disabled = !data[way];
  $("pages").replaceChildren(
    ...data.pages.map((one, at) => {
      const button = make("button", { type: "button", "aria-pressed": String(at === pageAt) }, `Page ${one.page}`);
      button.addEventListener("click", () => turnTo(at));
      return button;
    }),
  );
  showBeside(data, { choose: chooseKey, lead: view.dataset.lead === "yes" });
}

function showPage() {
  const page = data.pages[pageAt];
  const missing = $("no-picture");
  [...$("pages").children].forEach((one, at) => one.setAttribute("aria-pressed", String(at === pageAt)));
  missing.className = "over";
  if (!page || page.problem) {
    viewer.picture = null;
    viewer.svg.replaceChildren();
    viewer.over = null;
    missing.hidden = false;
    missing.textContent = page ? page.problem : "No page of this sheet counts any more.";
    $("page-at").textContent = page?.at ?? "";
    return;
  }
  $("page-at").textContent = page.at;
  missing.hidden = true;
  const picture = viewer.show(page.image, page.area, `Page ${page.page} of ${data.sheet}`);
  const came = () => viewer.picture === picture && (missing.hidden = true);
  const slow = setTimeout(() => {
    if (viewer.picture !== picture) return;
    missing.className = "over drawing";
    missing.textContent = "The page is being drawn…";
    missing.hidden = false;
  }, SLOW_MS);
  picture.addEventListener("load", () => (clearTimeout(slow), came()));
  picture.addEventListener("error", () => (clearTimeout(slow), explainPicture(page, picture)));
  drawFields();
}

// A picture that did not come says nothing; the same address asked by script says why.
async function explainPicture(page, picture) {
  let words = "The picture of this page did not come.";
  try {
    await get(page.image, LONG_MS);
  } catch (problem) {
    words = problem.message;
  }
  if (viewer.picture !== picture) return;
  $("no-picture").className = "over";
  $("no-picture").hidden = false;
  $("no-picture").textContent = words;
}

function drawFields() {
  if (!viewer.over) return;
  const had = document.activeElement?.closest?.(".field")?.dataset.key;
  viewer.over.replaceChildren(...data.pages[pageAt].fields.map(drawField));
  mark();
  if (had) element(had)?.focus({ preventScroll: true });
}

const element = (key) => viewer.over?.querySelector(`[data-key="${CSS.escape(key)}"]`);
const fields = () => (data?.pages[pageAt]?.fields ?? []).filter((one) => one.key);

// The field of the sheet as it came last; `chosen` is the field as it is shown.
const known = (key) => data?.pages.flatMap((page) => page.fields).find((one) => one.key && one.key === key);

function mark() {
  for (const one of viewer.over?.children ?? []) one.classList.toggle("chosen", Boolean(chosen) && one.dataset.key === chosen.key);
}

function turnTo(at) {
  if (!data || at < 0 || at >= data.pages.length) return;
  pageAt = at;
  leaveField();
  showPage();
  showField(null);
  ahead();
}

// Loads pictures before anybody asks for them: the next page, or the first of the next sheet.
async function ahead() {
  const next = data.pages[pageAt + 1];
  const mine = turn;
  if (next?.image) {
    new Image().src = next.image;
    return;
  }
  if (!data.next) return;
  const after = await get(`/sheets/data?sheet=${encodeURIComponent(data.next)}`).catch(() => null);
  if (mine === turn && after?.pages[0]?.image) new Image().src = after.pages[0].image;
}

// ---- a field ---------------------------------------------------------------------------------------------------------

function chooseKey(key) {
  const at = data.pages.findIndex((page) => page.fields.some((one) => one.key === key));
  if (at < 0) return;
  if (at !== pageAt) turnTo(at);
  showField(data.pages[at].fields.find((one) => one.key === key));
  element(key)?.focus({ preventScroll: true });
}

// What the box for typing holds while nobody has typed.
const shownOf = (field) => (field.state === "open" ? "" : field.value);

function showField(field) {
  if (chosen) keepDraft();
  const same = field && chosen && field.key === chosen.key && field.revision === chosen.revision;
  chosen = field;
  mark();
  const off = !field;
  typed.disabled = off;
  $("save").disabled = off;
  for (const one of wordButtons) one.disabled = off;
  $("nothing").disabled = !field?.nothing;
  $("take-back").disabled = !field?.by;
  showUndo();
  $("field-name").textContent = $("field-name").title = field ? field.label : "No field chosen";
  $("may-hold").textContent = field?.may_hold || "Value";
  $("field-why").textContent = field ? whyOf(field) : "Choose a field with Tab or a click; Enter opens it.";
  $("field-why").classList.toggle("warn", field?.state === "open");
  $("field-guess").textContent = field?.guess ? `The machine: ${field.guess} (${percent(field.confidence)})` : "";
  if (field && drafts.get(field.key) === shownOf(field)) drafts.delete(field.key);
  typed.value = field ? (drafts.get(field.key) ?? shownOf(field)) : "";
  touched = false;
  const crop = $("crop");
  crop.hidden = off;
  if (field && !same) {
    crop.src = `/crop/${field.key}.png?v=${encodeURIComponent(field.revision)}`;
    crop.alt = `What is written in ${field.label}`;
  }
  if (!same) tell("");
  if (field) viewer.reveal(areaOf(field));
  $("history-list").replaceChildren();
  if (field && $("history").open) showHistory(field);
}

function showUndo() {
  const last = saidHere.last();
  $("undo").disabled = !last;
  $("undo").title = last ? `Takes back ${last.words}, ${last.name}` : "";
}

function whyOf(field) {
  const said = field.by ? `Said by ${field.by} on ${field.on.slice(0, 10)}. ` : "";
  const open = field.state === "open" ? `Open: ${field.why}` : { value: "Settled", blank: "Settled: nothing is written there", corrected: "" }[field.state];
  return [said + open, field.question && `In question: ${field.question}`].filter(Boolean).join(" · ");
}

// What was typed and not saved is there again when somebody comes back to its field.
function leaveField() {
  if (chosen) keepDraft();
  chosen = null;
}

// What somebody typed is theirs even if it is what stood there: something else may stand there by now. What was said and
// refused is a draft already.
function keepDraft() {
  const { key } = chosen;
  const text = typed.value;
  if (drafts.get(key) === text) return;
  const isTyped = touched || text !== shownOf(chosen);
  if (isTyped && text !== shownOf(known(key) ?? chosen)) drafts.set(key, text);
  else drafts.delete(key);
}

// What was in a field's box when something was sent of it is a draft no more; what was typed there since still is.
function dropDraft(key, sent) {
  if (chosen?.key === key || drafts.get(key) === sent) drafts.delete(key);
}

async function showHistory(field) {
  const list = $("history-list");
  try {
    const told = await get(`/sheets/history?key=${encodeURIComponent(field.key)}`);
    if (chosen?.key !== field.key) return;
    list.replaceChildren(
      ...(told.hidden ? [make("li", {}, told.hidden)] : told.rows.map((row) => make("li", { class: row.undone ? "gone" : "" }, row.words))),
    );
    if (!told.hidden && !told.rows.length) list.replaceChildren(make("li", { class: "soft" }, "Nobody has said anything about this field."));
  } catch (problem) {
    list.replaceChildren(make("li", { class: "wrong" }, problem.message));
  }
}

function tell(words, kind = "") {
  $("problem").textContent = words;
  $("problem").className = `problem ${kind}`;
}

let checking = 0;
let soon = 0;

// What is typed is checked a moment later, while it is still what is typed.
function checkSoon() {
  clearTimeout(soon);
  soon = setTimeout(check, 80);
}

function checkNoMore() {
  clearTimeout(soon);
  checking += 1;
}

async function check() {
  const mine = ++checking;
  const { key } = chosen;
  const text = typed.value;
  if (!text.trim()) return tell("");
  try {
    const told = await get(`/sheets/check?${new URLSearchParams({ key, text })}`);
    if (mine !== checking || chosen?.key !== key) return;
    if (told.problem) tell(told.problem, "bad");
    else tell(told.value === text.trim() ? "" : `Will be kept as ${told.value}`, "fine");
  } catch {
    // Saving checks again, and says what is wrong.
  }
}

// ---- saving ----------------------------------------------------------------------------------------------------------

async function say(word, text = "") {
  if (!chosen) return;
  checkNoMore();
  if (saving) {
    const again = word === "value" && text === typed.value ? "this one waits here: Enter again saves it then." : "say this again then.";
    return tell(`The answer before is still being saved; ${again}`);
  }
  const field = chosen;
  const body = { sheet: data.sheet, key: field.key, revision: field.revision, word, text, token: token() };
  const then = whatIsTyped();
  const done = (told, isHere) => {
    dropDraft(field.key, then.text);
    const shown = told.state === "value" ? told.value : told.state === "blank" ? "blank" : "unreadable";
    saidHere.add({ sheet: body.sheet, name: field.label, words: shown, rows: told.rows });
    if (!isHere) return;
    if (hasGoneOn(then)) {
      stay(then, `${field.label}: ${shown}, saved`);
      return;
    }
    chosen = null;
    const list = fields();
    const at = list.findIndex((one) => one.key === field.key);
    const next = list[at + 1] ?? list[at];
    showField(next);
    tell(`${field.label}: ${shown}, saved`, "fine");
    element(next.key)?.focus({ preventScroll: true });
  };
  // What was said stays in the box, wherever its field is shown next, unless something else was typed there since.
  const refused = () => {
    const isThere = chosen?.key === field.key ? typed.value === text : !drafts.has(field.key);
    if (word === "value" && text === then.text && isThere) drafts.set(field.key, text);
  };
  await send("/sheets/say", body, done, refused);
}

// What is chosen and typed while something is being saved, to know later whether somebody has gone on.
const whatIsTyped = () => ({ key: chosen?.key, text: typed.value });

function hasGoneOn({ key, text }) {
  const at = document.activeElement;
  return chosen?.key !== key || typed.value !== text || (at !== typed && Boolean(at?.matches("input, textarea, select")));
}

// Leaves the choice and what is typed as they are, after the sheet has come anew; `then` is what was typed when it was sent.
function stay(then, words) {
  if (!chosen) return tell(words, "fine");
  checkNoMore();
  const { key } = chosen;
  if (key === then.key && typed.value === then.text) {
    drafts.delete(key);
    chosen = null;
  }
  showField(known(key) ?? null);
  tell(drafts.has(key) ? `${words}. What is typed here is not saved yet.` : words, "fine");
}

function nothing() {
  if (!chosen) return;
  if (chosen.nothing) say("value", chosen.nothing);
  else tell("This field cannot say that nothing was awarded.", "bad");
}

// Takes back what this window said last, on whatever sheet that was; it is told by name.
async function undo() {
  if (saving) return;
  const last = saidHere.last();
  if (!last) {
    tell(chosen?.by ? "You have said nothing here yet. U takes back what stands in this field." : "You have said nothing here yet.");
    return;
  }
  if (last.sheet !== data.sheet) await open(last.sheet, { push: true, key: [...last.rows.keys()][0] });
  if (last.sheet !== data.sheet) return;
  saidHere.drop(last);
  // A candidate is written into every id field of a sheet, and taken back from all of them.
  for (const [key, row] of last.rows) await takeBack(key, row, `Taken back: ${last.words}, ${last.name}`);
}

// Takes back what stands in the chosen field, as it is shown: never what somebody else has said since.
async function takeBackChosen() {
  if (saving || !chosen) return;
  const { key, label, row, value, by } = chosen;
  if (!by) tell("Nobody has said anything of this field.", "bad");
  else await takeBack(key, row, `Taken back: what ${by} said of ${label}${value ? `, ${value}` : ""}`);
}

async function takeBack(key, row, words) {
  const then = whatIsTyped();
  const sent = then.key === key ? then.text : drafts.get(key);
  await send("/sheets/undo", { sheet: data.sheet, key, token: token(), row }, (_, isHere) => {
    saidHere.forget(key, row);
    dropDraft(key, sent);
    if (!isHere) return;
    if (hasGoneOn(then)) {
      stay(then, words);
      return;
    }
    if (chosen?.key !== key) leaveField();
    chosen = null;
    chooseKey(key);
    tell(words, "fine");
  });
}

// Sends a decision; `done(told, isHere)` hears that it is stored, and whether its sheet is still on the screen;
// `refused()` that it is not.
async function send(url, body, done, refused = () => {}) {
  saving = true;
  view.setAttribute("aria-busy", "true");
  try {
    const told = await sendUntilTold(url, body);
    saving = false;
    const isHere = told.sheet.sheet === data.sheet;
    if (isHere) {
      take(told.sheet);
      drawFields();
    }
    done(told.told, isHere);
    if (isHere) later();
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    const isHere = body.sheet === data.sheet;
    checkNoMore();
    refused();
    tell(`${isHere ? ofWhich(body.key) : `Not stored on ${body.sheet}: `}${problem.message}`, "bad");
    if (isHere && problem.status === 409) await refresh();
  } finally {
    saving = false;
    view.removeAttribute("aria-busy");
    showUndo();
  }
}

// A refusal that comes when another field is chosen says of which it is.
function ofWhich(key) {
  const label = key && key !== chosen?.key && known(key)?.label;
  return label ? `${label}: ` : "";
}

// What a decision means for other sheets, and theirs for this one, is known a little later.
let soonAgain = 0;
function later() {
  clearTimeout(soonAgain);
  soonAgain = setTimeout(async () => {
    const answer = await anew();
    if (!answer || saving) return;
    take(answer);
    drawFields();
    const now = known(chosen?.key);
    if (now && now.revision === chosen.revision) chosen = now;
  }, SETTLE_MS);
}

// Asks for the sheet again; null if it did not come, or came when another or a newer one was on the screen.
async function anew() {
  const mine = [turn, taken];
  const answer = await get(`/sheets/data?sheet=${encodeURIComponent(data.sheet)}`).catch(() => null);
  return mine[0] === turn && mine[1] === taken ? answer : null;
}

// Asks for the sheet again, keeping what is chosen and typed when it comes: somebody else was first.
async function refresh() {
  const words = $("problem").textContent;
  const answer = await anew();
  if (!answer) return;
  take(answer);
  drawFields();
  if (chosen) showField(known(chosen.key) ?? null);
  checkNoMore();
  tell(words, "bad");
}

window.addEventListener("beforeunload", (event) => {
  if (saving || drafts.size) event.preventDefault();
});

// ---- hands -----------------------------------------------------------------------------------------------------------

viewer.svg.addEventListener("click", (event) => {
  const group = event.target.closest(".field[data-key]");
  if (!group || viewer.moved) return;
  chooseKey(group.dataset.key);
  typed.focus();
});
viewer.svg.addEventListener("focusin", (event) => {
  const key = event.target.closest(".field")?.dataset.key;
  if (key && key !== chosen?.key) showField(fields().find((one) => one.key === key) ?? null);
});
viewer.svg.addEventListener("keydown", (event) => {
  if (!event.target.closest(".field") || event.shiftKey || event.ctrlKey || event.altKey) return;
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const list = fields();
  const next = list[list.findIndex((one) => one.key === chosen?.key) + by];
  if (next) element(next.key)?.focus({ preventScroll: true });
});

typed.addEventListener("input", () => {
  touched = true;
  checkSoon();
});
typed.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter") {
    event.preventDefault();
    say("value", typed.value);
  } else if (event.key === "Escape") {
    event.preventDefault();
    drafts.delete(chosen?.key);
    typed.value = chosen ? shownOf(chosen) : "";
    touched = false;
    tell("");
    element(chosen?.key ?? "")?.focus({ preventScroll: true });
  }
});
$("save").addEventListener("click", () => say("value", typed.value));
for (const button of wordButtons) button.addEventListener("click", () => say(button.dataset.word));
$("nothing").addEventListener("click", nothing);
$("take-back").addEventListener("click", takeBackChosen);
$("undo").addEventListener("click", undo);
$("history").addEventListener("toggle", () => $("history").open && chosen && showHistory(chosen));
names.previous.addEventListener("click", () => go("previous"));
names.next.addEventListener("click", () => go("next"));
$("zoom-in").addEventListener("click", () => viewer.in());
$("zoom-out").addEventListener("click", () => viewer.out());
$("zoom-all").addEventListener("click", () => viewer.fit());
$("zoom-wide").addEventListener("click", () => viewer.wide());
insist($("crop"), () => ($("crop").src = $("crop").src));
onElsewhere(() => {
  const name = new URLSearchParams(location.search).get("sheet");
  if (name) open(name);
  else location.reload();
});

const go = (way) => (data?.[way] ? open(data[way], { push: true }) : undefined);
const onField = () => Boolean(document.activeElement?.closest?.(".field"));
const onButton = (event) => ["BUTTON", "A", "SUMMARY"].includes(event.target.tagName);

function nextOpen() {
  const every = data.pages.flatMap((page) => page.fields.filter((one) => one.key));
  const at = every.findIndex((one) => one.key === chosen?.key);
  const next = [...every.slice(at + 1), ...every.slice(0, at + 1)].find((one) => one.state === "open");
  if (next) chooseKey(next.key);
  else tell("Nothing is open on this sheet", "fine");
}

bind([
  { keys: ["Tab"], says: "Next field, in reading order (arrows do the same)", run: () => false },
  { keys: ["Enter"], says: "Open the field, then save what is typed", run: (event) => (chosen && !onButton(event) ? (typed.focus(), typed.select()) : false) },
  { keys: ["o"], says: "Next open field", run: () => data && nextOpen() },
  { keys: ["b"], says: "Nothing is written in the field", run: () => (onField() ? say("blank") : undefined) },
  { keys: ["x"], says: "It was crossed out", run: () => (onField() ? say("cancelled") : undefined) },
  { keys: ["r"], says: "Nobody can read it", run: () => (onField() ? say("unreadable") : undefined) },
  { keys: ["a"], says: "Nothing was awarded, where the mark may say so", run: () => (onField() ? nothing() : undefined) },
  { keys: ["u"], says: "Undo: take back what you said last, on whatever sheet", run: undo },
  { keys: ["U"], says: "Take back what stands in the chosen field", run: takeBackChosen },
  { keys: ["n"], says: "Next sheet", run: () => go("next") },
  { keys: ["p"], says: "Previous sheet", run: () => go("previous") },
  { keys: ["j"], says: "Next sheet with open fields", run: () => (data?.next_open ? go("next_open") : tell("No other sheet has open fields", "fine")) },
  { keys: ["PageDown"], says: "Next page of the sheet", run: () => turnTo(pageAt + 1) },
  { keys: ["PageUp"], says: "Page before", run: () => turnTo(pageAt - 1) },
  ...viewerKeys(viewer, () => !onField()),
]);
if (view.dataset.lead === "yes") chooseCandidates({ sheet: () => data, send, say: tell, saved: (sheet, id, rows) => saidHere.add({ sheet, name: "the candidate", words: id, rows }) });

const asked = new URLSearchParams(location.search);
open(view.dataset.sheet, { key: asked.get("field") ?? "", page: Math.max(Number(asked.get("page") ?? 1) - 1, 0) || 0 });
