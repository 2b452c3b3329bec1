// What stands beside the page: whose sheet it is, its marks and sum, what contradicts it, other pictures of its pages.
import { make, percent } from "./page_parts.js";

const $ = (id) => document.getElementById(id);

export function showBeside(data, { choose, lead }) {
  person(data, lead);
  marks(data, choose);
  remarks(data, lead);
}

function person(data, lead) {
  const one = data.person;
  const told = one.id ? [lead ? make("a", { href: `/candidate?id=${encodeURIComponent(one.id)}` }, one.id) : one.id, one.name ? ` ${one.name}` : ""] : ["not settled"];
  $("candidate").replaceChildren(...told.filter(Boolean));
  $("candidate").classList.toggle("warn", !one.id);
  $("whose").textContent = one.id ? `${one.id} ${one.name}` : "candidate not settled";
  $("candidate-why").textContent = [one.status, one.why, one.id && !one.listed && one.status !== "not on the roster" ? "" : ""].filter(Boolean).join(": ");
  $("ranked").replaceChildren(
    ...one.ranked.map((guess) => {
      const button = make("button", { type: "button", "data-id": guess.id }, make("b", {}, guess.id), guess.name, make("span", { class: "share" }, percent(guess.probability)));
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
    row.append(make("td", {}, part.label), value);
    if (part.key) row.addEventListener("click", () => choose(part.key));
    return row;
  };
  const question = (one) => {
    const row = make("tr", { title: one.why });
    row.append(make("td", {}, `${one.question}`), make("td", {}, one.answer || make("span", { class: "soft" }, "–")), make("td", { class: "number" }, `${one.points} of ${one.maximum}`));
    return row;
  };
  body.replaceChildren(...sums.marks.map(line), ...sums.totals.map(line), ...sums.questions.map(question));
  const written = sums.written;
  const of = sums.maximum ? ` of ${sums.maximum}` : "";
  const parts = [];
  if (sums.total !== null) parts.push(`${sums.settled ? "Total" : "Total"} ${sums.total}${sums.settled ? of : ""}`);
  if (sums.grade) parts.push(`grade ${sums.grade}`);
  if (written && written.key) parts.push(sums.agrees === true ? `as written` : sums.agrees === false ? `but ${written.value} is written` : `written: ${written.value}`);
  $("total").textContent = parts.join(", ") || "No marks on this sheet";
  $("total").className = `big ${sums.agrees === false ? "wrong" : sums.agrees ? "good" : ""}`;
  $("reasons").replaceChildren(...sums.reasons.map((each) => make("li", {}, each)));
}

function remarks(data, lead) {
  const items = data.remarks.map((each) => make("li", { class: "warn" }, each));
  items.push(...data.notes.map((each) => make("li", {}, each)));
  if (data.extra_of) items.push(make("li", {}, "Extra paper of ", sheetLink(data.extra_of)));
  for (const each of data.extras) items.push(make("li", {}, "Extra paper: ", sheetLink(each)));
  for (const one of data.others) {
    const words = `Page ${one.page}: another picture, ${one.at}, is ${one.outcome}`;
    items.push(make("li", {}, lead ? make("a", { href: `/keep/${one.scan}/${one.number}` }, words) : words));
  }
  $("remarks").replaceChildren(...(items.length ? items : [make("li", { class: "soft" }, "Nothing to remark.")]));
}

const sheetLink = (name) => make("a", { href: `/sheets?sheet=${encodeURIComponent(name)}` }, name);
