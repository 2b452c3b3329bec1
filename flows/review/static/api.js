// Talks to the server: every answer is JSON, every refusal has words for a person.

export { offline } from "./banner.js";

export class Refused extends Error {
  constructor(status, problem, told = {}) {
    super(problem);
    this.status = status; // 0: no answer came at all
    this.told = told;
  }
}

let csrf = document.querySelector('meta[name="csrf"]').content;

// After a new log-in in another window this page goes on with the token of that session.
export function speakAs(renewed) {
  csrf = renewed;
}

// What a page asks by itself, long after the last key or touch, does not keep a session alive.
const UNATTENDED_MS = 60_000;
let touched = performance.now();
for (const kind of ["keydown", "pointerdown", "wheel"]) {
  addEventListener(kind, () => { touched = performance.now(); }, { capture: true, passive: true });
}
const unattended = () => (performance.now() - touched > UNATTENDED_MS ? { "x-unattended": "1" } : {});

// A server that has not answered by then does not answer: its process hangs, or the cable was pulled. It waits 15 s itself
// for a database that is in use, and then says so in words.
const WITHIN_MS = 20_000;
// For what a server may well work on longer: weighing a sample, turning a whole page.
export const LONG_MS = 180_000;

async function ask(method, url, body, within = WITHIN_MS) {
  let response;
  let text;
  try {
    response = await fetch(url, {
      method,
      headers: { accept: "application/json", "x-csrf-token": csrf, ...unattended(), ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      signal: AbortSignal.timeout(within),
    });
    text = await response.text();
  } catch {
    throw new Refused(0, "The server does not answer. Nothing is lost: what is not stored yet waits here.");
  }
  const told = plain(text);
  if (!response.ok) throw new Refused(response.status, told.problem ?? `The server said ${response.status}.`, told);
  return told;
}

// An answer that is not ours says nothing: a picture, or a page of something between here and the server.
function plain(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

export const get = (url, within) => ask("GET", url, undefined, within);
export const post = (url, body = {}, within = undefined) => ask("POST", url, body, within);

// Sends something that is sent even if the page is closed meanwhile; nobody waits for the answer.
export function tell(url, body) {
  const headers = { accept: "application/json", "x-csrf-token": csrf, "content-type": "application/json" };
  fetch(url, { method: "POST", headers, body: JSON.stringify(body), credentials: "same-origin", keepalive: true }).catch(() => {});
}

// A name under which the server stores what was sent once, however often it is sent.
export function token() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
