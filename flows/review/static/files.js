// Files in quarantine: each is taken as it is with a reason.
import { offline, post } from "./api.js";

for (const form of document.querySelectorAll(".accept-file")) {
  const told = form.parentElement.querySelector(".told");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const box = form.querySelector("input");
    const button = form.querySelector("button");
    const why = box.value.trim();
    told.classList.remove("wrong");
    if (!why) {
      told.classList.add("wrong");
      told.textContent = "Say why you take it as it is: somebody will ask.";
      box.focus();
      return;
    }
    button.disabled = true;
    try {
      const stored = await post("/accept/file", { name: form.dataset.name, why, seen: form.dataset.seen });
      offline();
      told.textContent = `Taken as it is by ${stored.by}: ${stored.why}`;
      form.hidden = true;
      // The form is gone: whoever works by keyboard goes on from what is said instead.
      told.focus();
    } catch (problem) {
      if (problem.status === 0) offline(problem.message);
      told.classList.add("wrong");
      told.textContent = problem.message;
    } finally {
      button.disabled = false;
    }
  });
}
