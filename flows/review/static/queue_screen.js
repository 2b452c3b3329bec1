// What is on the screen: one field with its pictures, or why there is none.

const TOLD_MS = 8000;

export const byId = (id) => document.getElementById(id);
export const root = byId("queue");
export const typed = byId("typed");

export function state(name) {
  if (root.dataset.state === name) return;
  root.dataset.state = name;
  for (const id of ["loading", "finished", "failed"]) byId(id).hidden = id !== name;
}

export function loading(heading, words) {
  put("loading-heading", heading);
  put("loading-words", words);
  state("loading");
}

export function put(id, text) {
  byId(id).textContent = text ?? "";
}

const END = 8; // letters at the end of a file's name that stay: its number, mostly, and what kind of file it is

// Puts a text of which both ends can be read: where it is too long, what gives way is in its middle.
function ends(id, first, last) {
  byId(id).replaceChildren(...[first, last].map((text) => {
    const part = document.createElement("span");
    part.textContent = text;
    return part;
  }));
}

// Draws a field. `said` is what this person said of it before, undefined for a field that is decided for the first time.
// `heard` is told before it to those who listen.
export function draw(field, { crop, around, text, note, said, heard = "" }) {
  byId("crop").replaceChildren(crop);
  byId("around").replaceChildren(around);
  put("reason", field.reason_word);
  put("sentence", field.sentence);
  put("why", field.why);
  put("asked", `${field.question || field.field}: what is written here?`);
  put("may-hold", field.may_hold && `May hold ${field.may_hold}`);
  put("question", field.question);
  ends("field", field.field, ` · ${field.template}`);
  const link = byId("sheet-link");
  link.textContent = field.sheet;
  link.href = `/sheets?${new URLSearchParams({ sheet: field.sheet, field: field.key })}`;
  ends("scan", field.file.slice(0, -END), `${field.file.slice(-END)}, page ${field.page}`);
  for (const id of ["scan", "field", "question"]) byId(id).title = byId(id).textContent;
  guesses(field);
  typed.value = text;
  typed.inputMode = field.kind === "choice" ? "text" : field.allowed.some((one) => /[A-Za-z]/.test(one)) ? "text" : "decimal";
  typed.readOnly = Boolean(field.closed);
  typed.placeholder = said === undefined ? "" : `You said ${said ?? "nothing"}`;
  wrong(field.closed ? `${note || field.closed} Press Enter to go on.` : note);
  state("one");
  typed.focus({ preventScroll: true });
  if (text) typed.select();
  for (const button of document.querySelectorAll("[data-word], #skip")) button.disabled = Boolean(field.closed);
  const best = field.guesses[0];
  const offered = !best ? "No guess." : isGuess(best) ? `Best guess ${best.label}, ${best.percent} percent.` : `Space says ${best.label}.`;
  put("spoken", `${heard}${field.reason_word}. ${field.question || field.field}, sheet ${field.sheet}. ${offered}`);
}

// What stands in place of a blank that would settle nothing is offered, and was not guessed by the machine.
const isGuess = (one) => one.percent !== null;

// Measures from the key to the picture: see the measures "enter-to-painted" of the page.
export function painted(start) {
  if (!start) return;
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => performance.measure("enter-to-painted", { start, end: performance.now() });
    channel.port2.postMessage("");
  });
}

function guesses(field) {
  const shown = field.closed ? [] : field.guesses;
  byId("guesses").replaceChildren(
    ...shown.map((guess, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.guess = at;
      if (!at) button.className = "best";
      const value = document.createElement("span");
      value.className = "value";
      value.textContent = guess.label;
      const kbd = document.createElement("kbd");
      kbd.textContent = at ? `Alt ${at + 1}` : "Space";
      button.append(value);
      if (isGuess(guess)) {
        const percent = document.createElement("span");
        percent.className = "soft";
        percent.textContent = `${guess.percent < 1 ? "<1" : guess.percent > 99.4 ? ">99" : Math.round(guess.percent)} %`;
        button.append(percent);
      } else button.classList.add("in-words");
      button.append(kbd);
      button.setAttribute("aria-label", isGuess(guess) ? `Guess ${guess.label}, ${guess.percent} percent` : guess.label);
      return button;
    }),
  );
}

export function wrong(words) {
  put("wrong", words);
  typed.setAttribute("aria-invalid", words ? "true" : "false");
}

let toldTimer = 0;

export function say(words) {
  put("told", words);
  clearTimeout(toldTimer);
  toldTimer = setTimeout(() => put("told", ""), TOLD_MS);
}
