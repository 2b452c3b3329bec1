// Taking a thing as it is, with a reason: the small form that a sheet and a page share.
import { offline, post } from "./api.js";

const form = document.getElementById("accept");
const box = document.getElementById("accept-why");
const said = document.getElementById("accepted");
let now = null;

const NO_REASON = "Say why you take it as it is: somebody will ask.";

// Shows whether something is taken as it is. `to` is where a reason is sent, with what is sent besides.
export function showAcceptance(told, to, more = {}) {
  const other = now === null || now.to !== to || JSON.stringify(now.more) !== JSON.stringify(more);
  if (other) box.value = "";
  now = { told, to, more };
  said.className = "soft";
  said.textContent = told?.by ? `Taken as it is by ${told.by}${told.why ? `: ${told.why}` : ""}` : "";
  form.hidden = !told?.seen;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { told, to, more } = now;
  if (!box.value.trim()) {
    said.className = "wrong";
    said.textContent = NO_REASON;
    box.focus();
    return;
  }
  const button = form.querySelector("button");
  button.disabled = true;
  said.className = "soft";
  said.textContent = "Storing…";
  try {
    const stored = await post(to, { ...more, why: box.value.trim(), seen: told.seen });
    offline();
    // Whoever has gone on to another sheet is told nothing about this one there.
    if (now.to === to && JSON.stringify(now.more) === JSON.stringify(more)) {
      showAcceptance(stored, to, more);
      // The form is gone: whoever works by keyboard goes on from what is said instead.
      said.focus();
    }
  } catch (problem) {
    if (problem.status === 0) offline(problem.message);
    said.className = "wrong";
    said.textContent = problem.message;
  } finally {
    button.disabled = false;
  }
});
