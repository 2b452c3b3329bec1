// The address of the page. A link to a part of the page changes it too, and is no going back: what is typed stays.

let shown = location.search;

// Puts what is shown into the address; with `push` the way back leads to what was shown before.
export function show(address, { push = false } = {}) {
  if (push) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  shown = location.search;
}

// Calls `run` when going back or forward has led to something else than is shown.
export function onElsewhere(run) {
  addEventListener("popstate", () => {
    if (location.search === shown) return;
    shown = location.search;
    run();
  });
}
