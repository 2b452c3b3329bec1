// What stands beside the page: whose sheet it is, its marks and sum, what contradicts it, other pictures of its pages.
import { showAcceptance } from "./accept.js";
import { make, percent } from "./page_parts.js";
import { fieldOf } from "./sheet_remarks.js";

const $ = (id) => document.getElementById(id);

export function showBeside(data, { choose, lead }) {
  person(data, lead);
  marks(data, choose);
  remarks(data, choose, lead);
  showAcceptance(data.acceptance, "/accept/sheet", { name: data.sheet });
}

function person(data, lead) {
  const one = data.person;
  const told = one.id ? [lead ? make("a", { href: `/candidate?id=${encodeURIComponent(one.id)}` }, one.id) : one.id, one.name ? ` ${one.name}` : ""] : ["not settled"];
  $("candidate").replaceChildren(...told.filter(Boolean));
  $("candidate").classList.toggle("warn", !one.id);
  $("whose").textContent = $("whose").title = one.id ? `${one.id} ${one.name}` : "candidate not settled";
  $("candidate-why").textContent = [one.status, one.why].filter(Boolean).join(": ");
  $("ranked").replaceChildren(
    ...one.ranked.map((guess) => {
      const button = make("button", { type: "button", "data-id": guess.id }, make("b", {}, guess.id), make("span", { class: "named" }, guess.name), make("span", { class: "share" }, percent(guess.probability)));
      const item = make("li", {}, button);
      return item;
    }),
  );
}

function marks(data, choose) {
  const { sums } = data;
  const body = $("marks").tBodies[0];
  const line = (part) => {
    const row = make("tr", { "data-key": part.key });
    const value = make("td", { class: `number ${part.open ? "is-open" : ""}` }, part.value === "?" || !part.open ? part.value : `${part.value} ?`, part.corrected ? " ✓" : "");
    row.append(make("th", { scope: "row" }, part.label), value);
    if (part.key) row.addEventListener("click", () => choose(part.key));
    return row;
  };
  const question = (one) => {
    const row = make("tr", { title: one.why });
    row.append(make("th", { scope: "row" }, `${one.question}`), make("td", {}, one.answer || make("span", { class: "soft" }, "–")), make("td", { class: "number" }, `${one.points} of ${one.maximum}`));
    return row;
  };
  body.replaceChildren(...sums.marks.map(line), ...sums.totals.map(line), ...sums.questions.map(question));
  const { written, added } = sums;
  const parts = [];
  if (sums.total !== null) parts.push(`Total ${sums.total}${sums.settled && sums.maximum ? ` of ${sums.maximum}` : ""}`);
  if (sums.grade) parts.push(`grade ${sums.grade}`);
  $("total").textContent = parts.join(", ") || "No marks on this sheet";
  const sum = $("sum");
  sum.className = sums.agrees === false ? "wrong" : sums.agrees ? "good" : "soft";
  sum.textContent = added === null ? "" : !written?.key ? `The marks add up to ${added}` : sums.agrees === true ? `The marks add up to ${added}, as written` : sums.agrees === false ? `The marks add up to ${added}, but ${written.value} is written` : `The marks: ${added}; written: ${written.value}`;
  $("reasons").replaceChildren(...sums.reasons.map((each) => make("li", {}, each)));
}

function remarks(data, choose, lead) {
  const items = data.remarks.map((each) => make("li", { class: "warn" }, remark(each, data, choose)));
  items.push(...data.notes.map((each) => make("li", {}, each)));
  if (data.extra_of) items.push(make("li", {}, "Extra paper of ", sheetLink(data.extra_of)));
  for (const each of data.extras) items.push(make("li", {}, "Extra paper: ", sheetLink(each)));
  for (const one of data.others) {
    const words = `Page ${one.page}: another picture, ${one.at}, is ${one.outcome}`;
    items.push(make("li", {}, lead ? make("a", { href: `/keep/${one.scan}/${one.number}` }, words) : words));
  }
  $("remarks").replaceChildren(...(items.length ? items : [make("li", { class: "soft" }, "Nothing to remark.")]));
}

// A remark leads to the field that it is about.
function remark(words, data, choose) {
  const field = fieldOf(words, data);
  if (!field) return words;
  const link = make("a", { href: `/sheets?${new URLSearchParams({ sheet: data.sheet, field: field.key })}`, title: `Go to ${field.label}` }, words);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    choose(field.key);
  });
  return link;
}

const sheetLink = (name) => make("a", { href: `/sheets?sheet=${encodeURIComponent(name)}` }, name);
