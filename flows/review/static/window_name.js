// A name for this window, kept over a reload. A window that was copied from another one gets a name of its own.

import { token } from "./api.js";

const STORE = "tallymark.window";
const TRIES = 4; // a page that is loaded again holds its name a moment longer
const APART_MS = 40;

export async function windowName() {
  let name = "";
  try {
    name = sessionStorage.getItem(STORE) ?? "";
  } catch {
    // Nothing is kept here.
  }
  if (!/^[0-9a-f]{32}$/.test(name) || !(await isFreeSoon(name))) {
    name = token();
    await isFree(name);
  }
  try {
    sessionStorage.setItem(STORE, name);
  } catch {
    // The next page of this window is another window then.
  }
  return name;
}

async function isFreeSoon(name) {
  for (let tried = 1; ; tried += 1) {
    if (await isFree(name)) return true;
    if (tried === TRIES || !navigator.locks) return false;
    await new Promise((done) => setTimeout(done, APART_MS));
  }
}

// Holds a lock on the name as long as this page is there; false when another page holds it.
function isFree(name) {
  if (!navigator.locks) return Promise.resolve(false);
  return new Promise((done) => {
    navigator.locks.request(`tallymark.${name}`, { ifAvailable: true }, (lock) => {
      done(Boolean(lock));
      return lock ? new Promise(() => {}) : undefined;
    }).catch(() => done(false));
  });
}
