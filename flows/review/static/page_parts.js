// Small parts that the pages of sheets share.
import { Refused } from "./api.js";

// Makes an element: texts become text, never markup.
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== "" && value !== null && value !== undefined) element.setAttribute(key, value);
  element.append(...children.filter((one) => one !== "" && one !== null && one !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const WAIT_MS = 400;

// Asks again while the exam is being read, saying so in `state`.
export async function patiently(ask, state, wanted = () => true) {
  for (;;) {
    try {
      return await ask();
    } catch (problem) {
      if (!(problem instanceof Refused) || problem.status !== 503 || !wanted()) throw problem;
      state.hidden = false;
      state.replaceChildren(make("p", { role: "status" }, problem.message));
      await new Promise((done) => setTimeout(done, WAIT_MS));
      if (!wanted()) return null;
    }
  }
}

// "over 99 %" rather than 100 %: a machine is never that sure.
export function percent(share) {
  if (share > 0.995 && share < 1) return "over 99 %";
  return share > 0 && share < 0.01 ? "under 1 %" : `${(100 * share).toFixed(0)} %`;
}
