// Fills the dashboard and keeps it fresh: a part is drawn again only when what it shows has changed.
import { get, offline } from "./api.js";

const FRESH_MS = 4000; // between two looks at an exam
const LOADING_MS = 500; // while it is read the first time
const SVG = "http://www.w3.org/2000/svg";

const board = document.getElementById("board");
const drawn = new Map();

function el(tag, told = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(told)) {
    if (value === null || value === undefined) continue;
    if (name === "text") made.textContent = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// Whoever stands on a link goes on standing on it.
function replace(into, fresh) {
  const held = into.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  into.replaceChildren(...fresh);
  if (held) [...into.querySelectorAll("a")].find((one) => one.getAttribute("href") === held)?.focus({ preventScroll: true });
}

const count = (number) => number.toLocaleString("en-GB");
const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;
const clock = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

// A time of today; of other days the day too.
function moment(at) {
  const day = new Date(at).toLocaleDateString("en-CA");
  return day === new Date().toLocaleDateString("en-CA") ? clock(at) : `${day} ${clock(at)}`;
}

function spell(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function table(heads, rows, caption) {
  const head = el("tr", {}, ...heads.map(([text, number]) => el("th", { text, scope: "col", class: number ? "number" : null })));
  const body = rows.map((row) =>
    el("tr", {}, ...row.map((cell, at) => {
      const made = el("td", { class: heads[at][1] ? "number" : null });
      made.append(cell);
      return made;
    })),
  );
  return el("table", {}, el("caption", { text: caption, class: "visually-hidden" }), el("thead", {}, head), el("tbody", {}, ...body));
}

// ---- parts ------------------------------------------------------------------------------------------------------

function final(told) {
  const heading = document.getElementById("final-heading");
  const words = document.getElementById("final-words");
  const panel = heading.closest("section");
  panel.classList.toggle("open", told.state === "open");
  panel.classList.toggle("done", told.state === "done");
  if (told.state === "empty") {
    heading.textContent = "Nothing has come in yet";
    words.replaceChildren("Put scans into the inbox of the exam folder, then read them", ...atTerminal("grade"));
  } else if (told.state === "done") {
    heading.textContent = "This exam can be final";
    words.replaceChildren("Nothing waits for a person; the final workbook is written at the command line", ...atTerminal("export", " --final"));
  } else {
    heading.textContent = told.blocks.length === 1 ? "One thing keeps this exam from being final" : `${told.blocks.length} things keep this exam from being final`;
    words.replaceChildren();
  }
  words.hidden = told.state === "open";
  replace(document.getElementById("blocks"), told.blocks.map(block));
}

// Where the exam lies is told to leads, who type commands; others are told who does.
function atTerminal(command, option = "") {
  const { folder } = board.dataset;
  return folder ? [": ", el("code", { text: `tallymark ${command} ${folder}${option}` })] : [", by a lead."];
}

function block(one) {
  const words = el("span", { class: "words", text: one.words });
  if (one.named) words.append(el("span", { class: "named", text: one.named }));
  const command = one.command ? el("span", { class: "named" }, "At the command line: ", el("code", { text: one.command })) : null;
  if (one.before) command.append("; before, this shows what it would change: ", el("code", { text: one.before }));
  if (command) words.append(command);
  if (one.by_others) words.append(el("span", { class: "named", text: one.by_others }));
  return el("li", {}, words, one.link ? el("a", { href: one.link, text: one.does }) : null);
}

// Whoever answers unseen is told no total that follows from answers of others.
const hidden = (told) => el("p", { class: "soft", text: told.hidden });

function progress(told) {
  if (told.hidden) {
    return [
      table([["Fields", false], ["", true]], [
        ["settled by people", count(told.fields.by_people)],
        ["all", count(told.fields.all)],
      ], "Fields by who settled them"),
      hidden(told),
    ];
  }
  const done = told.fields.all - told.fields.open;
  const rate = told.reviewers.reduce((sum, one) => sum + (one.per_hour ?? 0), 0) / Math.max(1, told.reviewers.filter((one) => one.per_hour).length);
  const left = rate && told.fields.open ? ` (about ${spell(Math.round((told.fields.open / rate) * 3600))} of work for one person)` : "";
  return [
    el("p", { class: "figure" }, el("b", { text: count(told.fields.open) }), `${told.fields.open === 1 ? "field waits" : "fields wait"}${left}`),
    el("progress", { max: Math.max(1, told.fields.all), value: done, "aria-label": "Fields that are settled" }),
    table([["Fields", false], ["", true]], [
      ["accepted from the machine", count(told.fields.by_machine)],
      ["settled by people", count(told.fields.by_people)],
      ["waiting for a person", count(told.fields.open)],
      ["all", count(told.fields.all)],
    ], "Fields by who settled them"),
    el("p", { text: `${count(told.sheets.done)} of ${many(told.sheets.all, "sheet")} done: none of their fields waits, and they have no remarks that nobody accepted` }),
  ];
}

function reasons(told) {
  if (told.hidden) return [hidden(told)];
  if (!told.reasons.length) return [el("p", { class: "soft", text: "No field waits." })];
  const rows = told.reasons.map((one) => [
    el("span", {}, one.link ? el("a", { href: one.link, text: one.words }) : one.words, el("span", { class: "sentence", text: one.sentence })),
    count(one.count),
  ]);
  return [table([["Reason", false], ["Fields", true]], rows, "Fields that wait, by reason")];
}

function candidates(told) {
  if (told.hidden) return [hidden(told)];
  const { expected, matched, groups } = told.candidates;
  const first = expected ? `${count(matched)} of ${many(expected, "candidate")} on the roster have their sheets.` : "There is no roster.";
  return [el("p", { text: first }), ...groups.map((one) => {
    const items = one.some.map((each) => {
      const text = [each.id, each.name, each.id ? "" : each.sheets.join(", ")].filter(Boolean).join(" ");
      return el("li", {}, each.link ? el("a", { href: each.link, text }) : text);
    });
    if (one.whose) items.push(el("li", { text: one.whose }));
    else if (one.count > items.length) items.push(el("li", { text: `and ${count(one.count - items.length)} more` }));
    const list = el("ul", { class: "some" }, ...items);
    return el("div", { class: one.count ? "group" : "group zero" }, el("h3", { text: `${one.words}: ${count(one.count)}` }), list);
  })];
}

function ledger(told) {
  const { files_in, files, in_hand, pages_in, pages, waiting, residual, words, closes } = told.ledger;
  const rows = (named, more) => [...named, ...more].map(([name, number]) => [name, el("span", { class: number ? null : "zero", text: count(number) })]);
  const files_table = table([[`${many(files_in, "file")} in`, false], ["", true]], rows(files, [["in hand", in_hand]]), "Files by what became of them");
  const pages_table = table([[`${many(pages_in, "page")} in`, false], ["", true]], rows(pages, [["waiting", waiting], ["left over", residual]]), "Pages by what became of them");
  return [
    el("p", { class: closes ? "good" : "wrong", text: `${words.charAt(0).toUpperCase()}${words.slice(1)}.` }),
    el("div", { class: "columns" }, pages_table, files_table),
  ];
}

function errors(told) {
  const { words, unlooked, may_be_wrong, link, broken } = told.checks;
  const shown = told.hidden ? [hidden(told)] : [...words.map((text) => el("p", { text, class: broken ? "wrong" : null }))];
  if (may_be_wrong && unlooked) {
    const [low, high] = may_be_wrong.map(count);
    shown.unshift(el("p", { class: "figure" }, el("b", { text: low === high ? low : `${low} to ${high}` }), `of ${count(unlooked)} accepted fields that nobody has looked at may be wrong, at 95 %`));
  }
  if (!told.hidden) shown.push(...accepted(told.checks));
  if (link) shown.push(el("p", {}, el("a", { href: link, text: "Look at a sample" })));
  for (const run of told.runs) {
    shown.push(el("div", { class: "group" }, el("h3", { text: `What run ${run.number} promised when it read` }), el("div", { class: "some", text: run.words.join(" ") })));
  }
  if (told.runs.length) shown.push(el("div", { class: "group" }, el("div", { class: "some", text: "A run judges each field by its picture alone. The sums of the sheets and the class list settle more since, and people the rest." })));
  return shown;
}

// Why fewer fields stand as the machine read them than it accepts.
function accepted({ accepted: all, stand, by_people, in_question }) {
  if (all === stand) return [];
  const parts = [`${count(stand)} stand as they were read`];
  if (by_people) parts.push(`${count(by_people)} ${by_people === 1 ? "was" : "were"} settled by people all the same`);
  if (in_question) parts.push(`${count(in_question)} ${in_question === 1 ? "waits" : "wait"}, because something on the sheet does not agree, or nobody could read it`);
  return [el("p", { class: "soft", text: `Of ${many(all, "field")} that the machine accepts ${parts.join("; ")}.` })];
}

function people(told) {
  if (!told.reviewers.length) return [el("p", { class: "soft", text: "Nobody has decided anything yet." })];
  const rows = told.reviewers.map((one) => [
    one.name,
    count(one.decisions),
    one.ways.map(([way, number]) => `${way}: ${count(number)}`).join("; "),
    one.taken_back ? count(one.taken_back) : "–",
    one.active_s ? spell(one.active_s) : "–",
    one.per_hour === null ? "–" : count(one.per_hour),
    moment(one.last),
  ]);
  const heads = [["Who", false], ["Decisions", true], ["How", false], ["Taken back", true], ["Active", true], ["Per hour", true], ["Last", true]];
  const left = el("div", {}, table(heads, rows, "Who reviewed how many at what speed"));
  if (told.second || told.pairs.length) left.append(...pairs(told));
  return [el("div", { class: "people" }, left, plot(told.pace))];
}

function pairs(told) {
  const heading = el("h3", { class: "pairs", text: "Second review" });
  if (!told.pairs.length) return [heading, el("p", { class: "soft", text: "No field has two answers yet." })];
  const rows = told.pairs.map((one) => [
    `${one.first}, then ${one.second}`,
    count(one.answered),
    `${count(one.agreed)} (${Math.floor((100 * one.agreed) / one.answered)} %)`,
    count(one.first_confirmed),
    count(one.second_confirmed),
    count(one.taken_back),
    count(one.waiting),
  ]);
  const heads = [["Pair", false], ["Both answered", true], ["Agreed", true], ["First right", true], ["Second right", true], ["Taken back", true], ["Waiting", true]];
  return [heading, table(heads, rows, "How often two people agreed")];
}

function plot(pace) {
  const width = 480, height = 120, low = 16, top = 14;
  const most = Math.max(...pace.counts, 1);
  const step = width / Math.max(pace.counts.length, 12);
  const all = pace.counts.reduce((sum, one) => sum + one, 0);
  const each = pace.minutes < 60 ? `${pace.minutes} minutes` : many(pace.minutes / 60, "hour");
  const made = (tag, told, text) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(told)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const figure = made("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${many(all, "decision")}, in bars of ${each}; the highest has ${count(most)}` });
  figure.append(made("line", { x1: 0, x2: width, y1: height - low, y2: height - low }));
  pace.counts.forEach((one, at) => {
    const tall = ((height - low - top) * one) / most;
    figure.append(made("rect", { x: at * step + 1, y: height - low - tall, width: Math.max(1, step - 2), height: tall }));
  });
  const start = new Date(pace.start);
  const end = new Date(start.getTime() + pace.counts.length * pace.minutes * 60000);
  const day = start.toDateString() === end.toDateString() ? "" : `${start.toLocaleDateString("en-GB")} `;
  figure.append(made("text", { x: 0, y: height - 3 }, `${day}${clock(start)}`));
  figure.append(made("text", { x: 0, y: 10 }, `at most ${many(most, "decision")} in ${each}`));
  figure.append(made("text", { x: Math.min(width, pace.counts.length * step), y: height - 3, "text-anchor": pace.counts.length * step > 120 ? "end" : "start", dx: pace.counts.length * step > 120 ? 0 : 40 }, clock(end)));
  return figure;
}

// ---- kept fresh -------------------------------------------------------------------------------------------------

const PARTS = { progress, reasons, candidates, ledger, errors, people };

function show(told) {
  const trouble = document.getElementById("trouble");
  trouble.textContent = told.trouble ? `The exam cannot be read now: ${told.trouble}` : "";
  trouble.hidden = !told.trouble;
  if (told.state === "loading") return;
  const { at, trouble: _, ...rest } = told;
  document.getElementById("as-of").textContent = `as of ${new Date(at).toLocaleTimeString("en-GB")}`;
  board.setAttribute("aria-busy", "false");
  const now = JSON.stringify(rest);
  if (drawn.get("all") === now) return;
  drawn.set("all", now);
  final(told);
  for (const [name, part] of Object.entries(PARTS)) {
    const into = document.getElementById(name);
    const fresh = part(told);
    const text = fresh.map((node) => node.outerHTML).join("");
    if (drawn.get(name) === text) continue;
    drawn.set(name, text);
    replace(into, fresh);
  }
}

async function refresh() {
  let wait = FRESH_MS;
  if (!document.hidden) {
    try {
      const told = await get("/board.json");
      offline();
      show(told);
      if (told.state === "loading") wait = LOADING_MS;
    } catch (problem) {
      offline(problem.message);
    }
  }
  setTimeout(refresh, wait);
}

show(JSON.parse(board.dataset.known));
refresh();
