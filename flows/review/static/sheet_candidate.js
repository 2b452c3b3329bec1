// Says whose a sheet is: one of the guesses, or somebody of the class list found by typing.
import { get, token } from "./api.js";
import { bind } from "./keys.js";
import { make } from "./page_parts.js";

export function chooseCandidates({ sheet, send, say, saved }) {
  const box = document.getElementById("who");
  const list = document.getElementById("who-found");
  let turn = 0;
  let at = -1;
  let soon = 0;

  const choose = async (id) => {
    const data = sheet();
    const then = box.value;
    const revisions = {};
    for (const page of data.pages) for (const field of page.fields) if (field.role === "id" && field.key) revisions[field.key] = field.revision;
    await send("/sheets/candidate", { sheet: data.sheet, id, revisions, token: token() }, (told, isHere) => {
      saved(data.sheet, id, told.rows);
      if (!isHere) return;
      // Whoever has typed on meanwhile looks for somebody else already.
      if (box.value === then) close();
      say(`The sheet is ${id}'s`, "fine");
    });
  };

  function close() {
    box.value = "";
    list.replaceChildren();
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
    at = -1;
  }

  async function look() {
    const mine = ++turn;
    const text = box.value.trim();
    if (!text) return close();
    let told;
    try {
      told = await get(`/candidates/find?q=${encodeURIComponent(text)}`);
    } catch (problem) {
      list.replaceChildren(make("li", { class: "wrong" }, problem.message));
      return;
    }
    if (mine !== turn) return;
    at = told.found.length ? 0 : -1;
    list.replaceChildren(
      ...told.found.map((one, number) => {
        const button = make("button", { type: "button", role: "option", id: `who-${number}`, "data-id": one.id, tabindex: "-1" }, make("b", {}, one.id), make("span", { class: "named" }, one.name), make("span", { class: "share" }, one.sheets.length ? "has a sheet" : ""));
        return make("li", { role: "presentation" }, button);
      }),
    );
    if (!told.found.length) list.replaceChildren(make("li", { class: "soft" }, "Nobody on the class list fits."));
    else if (told.more) list.append(make("li", { class: "soft" }, `and ${told.more.toLocaleString("en")} more; type on`));
    box.setAttribute("aria-expanded", String(told.found.length > 0));
    room();
    mark();
  }

  // The list needs room below the box: its panel goes to the top of what can be seen.
  function room() {
    const panel = document.getElementById("candidate-panel");
    panel.scrollIntoView({ block: panel.getBoundingClientRect().height > innerHeight / 2 ? "start" : "nearest" });
    list.lastElementChild?.scrollIntoView({ block: "nearest" });
    box.scrollIntoView({ block: "nearest" });
  }

  function mark() {
    const options = [...list.querySelectorAll("[role=option]")];
    options.forEach((one, number) => one.setAttribute("aria-selected", String(number === at)));
    if (options[at]) {
      box.setAttribute("aria-activedescendant", options[at].id);
      options[at].scrollIntoView({ block: "nearest" });
    }
  }

  box.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(look, 100);
  });
  box.addEventListener("keydown", (event) => {
    const options = [...list.querySelectorAll("[role=option]")];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      at = Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), options.length - 1);
      mark();
    } else if (event.key === "Enter" && options[at]) {
      event.preventDefault();
      choose(options[at].dataset.id);
    } else if (event.key === "Escape") {
      close();
      box.blur();
    }
  });
  for (const one of [list, document.getElementById("ranked")])
    one.addEventListener("click", (event) => {
      const id = event.target.closest("[data-id]")?.dataset.id;
      if (id) choose(id);
    });
  bind([{ keys: ["c"], says: "Look for the candidate", run: () => box.focus() }]);
}
