// A name for this window, kept over a reload. A window that was copied from another one gets a name of its own.

import { token } from "./api.js";

const STORE = "tallymark.window";

export async function windowName() {
  let name = "";
  try {
    name = sessionStorage.getItem(STORE) ?? "";
  } catch {
    // Nothing is kept here.
  }
  if (!/^[0-9a-f]{32}$/.test(name) || !(await isFree(name))) {
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
