// Talks to the server: every answer is JSON, every refusal has words for a person.

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

async function ask(method, url, body) {
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: { accept: "application/json", "x-csrf-token": csrf, ...unattended(), ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new Refused(0, "The server does not answer. Nothing is lost: what is not stored yet waits here.");
  }
  const told = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, told.problem ?? `The server said ${response.status}.`, told);
  return told;
}

export const get = (url) => ask("GET", url);
export const post = (url, body = {}) => ask("POST", url, body);

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

export function offline(message) {
  const banner = document.getElementById("offline");
  banner.textContent = message ?? "";
  banner.hidden = !message;
}
