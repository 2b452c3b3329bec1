// Keys of a page: each view tells what it answers to, and `?` shows them all.

const known = [];

// Tells the page's keys: [{keys: ["Enter"], says: "Take what is typed", run(event), typing: true}].
// `keys` are names as `KeyboardEvent.key`, with "Ctrl+", "Alt+" or "Shift+" in front where needed.
// Without `typing` a key does nothing while somebody types into a field.
export function bind(list) {
  known.push(...list);
}

function nameOf(event) {
  const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : "";
  // With Alt some keyboards type signs of their own: then the key itself counts, not what it types.
  const plain = event.altKey ? /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code)?.[1].toLowerCase() : undefined;
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${shift}${plain ?? event.key}`;
}

function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || document.querySelector("dialog[open]")) return;
  const name = nameOf(event);
  const found = known.find((one) => one.keys.includes(name) && (one.typing || !isTyping(event.target)));
  if (!found) return;
  if (found.run(event) !== false) event.preventDefault();
});

export function showKeys() {
  const list = document.getElementById("keys-list");
  list.replaceChildren();
  for (const one of known.filter((each) => each.says)) {
    const term = document.createElement("dt");
    one.keys.forEach((key, at) => {
      if (at) term.append(" ");
      const kbd = document.createElement("kbd");
      kbd.textContent = key === " " ? "Space" : key;
      term.append(kbd);
    });
    const told = document.createElement("dd");
    told.textContent = one.says;
    list.append(term, told);
  }
  document.getElementById("keys").showModal();
  list.scrollTop = 0;
}
