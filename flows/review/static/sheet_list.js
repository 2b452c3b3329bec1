// The list of sheets: search, narrow, walk through it with the arrows, open one with Enter.
import { get, offline, Refused } from "./api.js";
import { bind } from "./keys.js";
import { make, patiently } from "./page_parts.js";

const box = document.getElementById("q");
const body = document.getElementById("body");
const head = document.getElementById("head");
const state = document.getElementById("state");
const found = document.getElementById("found");
const told = document.getElementById("told");
const more = document.getElementById("more");
const chips = [...document.querySelectorAll("#which button")];
const isLead = found.dataset.lead === "yes";

const asked = new URLSearchParams(location.search);
let show = chips.some((one) => one.dataset.show === asked.get("show")) ? asked.get("show") : "all";
let at = 0;
let turn = 0;
box.value = asked.get("q") ?? "";

const words = { all: "sheets", open: "sheets with open fields", remarks: "sheets with remarks", failed: "pages on which no sheet was found", held: "pages that wait for a decision" };
const single = { all: "sheet", open: "sheet with open fields", remarks: "sheet with remarks", failed: "page on which no sheet was found", held: "page that waits for a decision" };
const nothing = {
  all: "No sheet has been read yet. Grade some scans first: tallymark grade.",
  open: "Nothing is open: every field of every sheet is settled.",
  remarks: "No sheet contradicts itself or another one.",
  failed: "Every page was read, is blank, or was set aside by a person.",
  held: "No page waits for a decision.",
};

const sheetAt = (name) => `/sheets?sheet=${encodeURIComponent(name)}`;

function headings(names) {
  const row = make("tr");
  for (const [name, number] of names) row.append(make("th", { scope: "col", class: number ? "number" : "" }, name));
  head.replaceChildren(row);
}

// A name breaks before its number, if it has to.
const breakable = (name) => name.split(/(?=#)/).flatMap((part, at) => (at ? [make("wbr"), part] : [part]));

function sheetRow(one) {
  const row = make("tr");
  const link = make("a", { href: sheetAt(one.sheet), class: "row-link" }, ...breakable(one.sheet));
  const open = make("td", { class: "number" });
  if (one.open) open.append(make("span", { class: "tag open" }, String(one.open)));
  const remarks = make("td");
  if (one.remarks.length) remarks.append(make("span", { class: "warn remark", title: one.remarks[0] }, one.remarks[0]), one.remarks.length > 1 ? ` and ${one.remarks.length - 1} more` : "");
  if (one.accepted) remarks.append(make("span", { class: "tag good" }, `taken as it is by ${one.accepted}`));
  row.append(
    make("td", {}, link),
    make("td", { class: "whose" }, one.id || make("span", { class: "soft" }, "not settled"), one.name ? ` ${one.name}` : ""),
    make("td", { class: "soft file" }, one.files[0] ?? "", one.files.length > 1 ? ` and ${one.files.length - 1} more` : ""),
    open,
    remarks,
  );
  return row;
}

function pageRow(one) {
  const row = make("tr");
  const at = `${one.scan}/${one.number}`;
  const target = !isLead ? null : show === "held" && one.choice ? `/keep/${at}` : one.placeable ? `/place/${at}` : null;
  const name = target ? make("a", { href: target, class: "row-link" }, one.at) : one.at;
  const does = target ? (target.startsWith("/keep") ? "Keep or replace" : show === "held" ? "Place again" : "Place or accept") : isLead ? "" : "a lead decides";
  row.append(make("td", {}, name), make("td", {}, one.outcome), make("td", {}, one.reason), make("td", { class: "soft" }, one.accepted ? `taken as it is by ${one.accepted}` : does));
  return row;
}

function counts(each) {
  for (const chip of chips) {
    chip.querySelector(".count").textContent = each[chip.dataset.show]?.toLocaleString("en") ?? "";
    chip.setAttribute("aria-pressed", String(chip.dataset.show === show));
  }
}

async function look(again = false) {
  const mine = ++turn;
  at = again ? body.children.length : 0;
  const query = new URLSearchParams({ q: box.value.trim(), show, at: String(at) });
  history.replaceState(null, "", `/sheets?${new URLSearchParams({ q: box.value.trim(), show })}`);
  let answer;
  try {
    answer = await patiently(() => get(`/sheets/found?${query}`), state, () => mine === turn);
  } catch (problem) {
    if (mine !== turn) return;
    if (problem instanceof Refused && problem.status === 0) offline(problem.message);
    state.hidden = false;
    state.replaceChildren(make("h2", {}, "This cannot be shown now"), make("p", {}, problem.message));
    return;
  }
  if (mine !== turn || !answer) return;
  offline();
  state.hidden = true;
  counts(answer.counts);
  const rows = answer.rows ? answer.rows.map(sheetRow) : answer.pages.map(pageRow);
  if (!again) {
    document.getElementById("rows").dataset.of = answer.rows ? "sheets" : "pages";
    headings(answer.rows ? [["Sheet"], ["Candidate"], ["Pages"], ["Open fields", true], ["Remarks"]] : [["Page"], ["Outcome"], ["Why"], [""]]);
    body.replaceChildren(...rows);
  } else body.append(...rows);
  found.hidden = !body.children.length;
  more.hidden = body.children.length >= answer.count;
  told.textContent = answer.count ? `${answer.count.toLocaleString("en")} ${answer.count === 1 ? single[show] : words[show]}` : "";
  if (!answer.count) {
    state.hidden = false;
    state.replaceChildren(make("p", {}, box.value.trim() ? `Nothing fits “${box.value.trim()}”.` : nothing[show]));
  }
}

let waiting = 0;
box.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, 120);
});
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  document.querySelector(".row-link")?.click();
});
for (const chip of chips)
  chip.addEventListener("click", () => {
    show = chip.dataset.show;
    look();
  });
more.querySelector("button").addEventListener("click", () => look(true));

function step(by) {
  const links = [...document.querySelectorAll(".row-link")];
  const now = links.indexOf(document.activeElement);
  links[Math.min(Math.max(now + by, 0), links.length - 1)]?.focus();
}

bind([
  { keys: ["/"], says: "Search", run: () => box.focus() },
  { keys: ["ArrowDown", "j"], says: "Next row", run: () => step(1) },
  { keys: ["ArrowUp", "k"], says: "Row before", run: () => step(-1) },
  { keys: ["Enter"], says: "Open the sheet", run: () => false },
]);
box.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") step(1);
});
look();
