// A grid of crops: arrow keys go through it, space or a click strikes one. Both walls show their fields with it.

import { draw } from "./page_parts.js";
import { Pictures } from "./wall_pictures.js";

const LOOK_MS = 700; // nobody looks at sixty crops in less: Enter pressed twice confirms one page, not two
const APART_PX = 4; // cells whose tops differ by less stand in one row

// The least certain come first, so what nearly all are sure of is told apart: 99.1 % is not 100 %.
const percent = (share) => (share >= 0.9995 ? "> 99.9 %" : `${(share * 100).toFixed(share < 0.1 || share >= 0.99 ? 1 : 0)} %`);

export const cropUrl = (cell) => `/crop/${encodeURIComponent(cell.key)}.png?v=${encodeURIComponent(cell.revision)}`;

// Loads pictures before they are needed.
export function preload(cells) {
  for (const cell of cells) new Image().src = cropUrl(cell);
}

function plain() {
  const image = document.createElement("img");
  image.alt = "";
  image.draggable = false;
  return image;
}

const LETTER_MM = 4.2;

// A crop of bubbles or tick boxes, the letter of each beside it: a scan in black and white does not show those printed in
// the bubbles. The one that was read stands out.
function lettered(cell) {
  const { width, height, row, letters } = cell.letters;
  const room = LETTER_MM + 0.8;
  const svg = draw("svg", { class: "lettered", viewBox: `0 0 ${width + (row ? 0 : room)} ${height + (row ? room : 0)}`, "aria-hidden": "true" });
  svg.append(draw("image", { x: 0, y: 0, width, height, preserveAspectRatio: "none" }));
  const apart = letters.length > 1 ? Math.abs(letters[1].at - letters[0].at) : LETTER_MM;
  for (const { option, at, read } of letters) {
    const [x, y] = row ? [at, height + room / 2] : [width + room / 2, at];
    const wide = Math.min(apart - 0.4, LETTER_MM + 1);
    if (read) svg.append(draw("rect", { class: "read", x: x - wide / 2, y: y - LETTER_MM / 2, width: wide, height: LETTER_MM, rx: 0.8 }));
    const text = draw("text", { class: read ? "read" : "", x, y: y + LETTER_MM * 0.31 });
    if (option.length > 1) for (const [name, value] of [["textLength", wide - 0.4], ["lengthAdjust", "spacingAndGlyphs"]]) text.setAttribute(name, value);
    text.textContent = option;
    svg.append(text);
  }
  return svg;
}

export class Grid {
  // `place` holds the cells, `about` says more of the one that is looked at. `struck(cell, isStruck)` is told each strike;
  // `caption(cell)` returns what stands below a crop; `lost(many)` hears how many pictures did not come, once it is known.
  constructor(place, about, { struck = () => {}, lost = () => {}, caption = (cell) => percent(cell.confidence) } = {}) {
    this.place = place;
    this.about = about;
    this.onStruck = struck;
    this.onLost = lost;
    this.caption = caption;
    this.pictures = new Pictures((key) => this.pictured(key));
    this.cells = [];
    this.struck = new Set();
    this.at = 0;
    this.seenAt = Infinity;
    place.addEventListener("click", (event) => {
      const button = event.target.closest("button.crop");
      if (!button) return;
      this.look(this.buttons().indexOf(button));
      this.toggle();
    });
    // Where a browser clicks a button when the space bar comes up, that would strike twice.
    place.addEventListener("keyup", (event) => event.key === " " && event.target.closest("button.crop") && event.preventDefault());
    place.addEventListener("focusin", (event) => {
      const item = event.target.closest(".cell");
      if (item) this.look([...this.place.children].indexOf(item), false);
    });
  }

  buttons() {
    return [...this.place.querySelectorAll("button.crop")];
  }

  show(cells, struck = []) {
    this.pictures.clear();
    this.cells = cells;
    this.struck = new Set(struck);
    this.place.replaceChildren(...cells.map((cell) => this.draw(cell)));
    this.place.removeAttribute("aria-busy");
    this.place.hidden = false;
    this.look(0);
    this.wait();
  }

  // Begins to count how long somebody can have looked at the page: as soon as no picture is coming any more.
  wait() {
    clearTimeout(this.seeing);
    delete this.place.dataset.seen;
    this.seenAt = this.pictures.coming.size ? Infinity : performance.now() + LOOK_MS;
    if (this.pictures.coming.size) return;
    this.seeing = setTimeout(() => (this.place.dataset.seen = ""), LOOK_MS);
    this.onLost(this.pictures.lost.size);
  }

  // Whether somebody can have looked at what is shown.
  seen() {
    return performance.now() >= this.seenAt;
  }

  // What to say to who confirms a page that nobody can have looked at.
  unseen(what) {
    const last = this.pictures.coming.size ? `${this.pictures.coming.size} of its pictures are still coming` : "look at it before you confirm it";
    return `This ${what} has only just come: ${last}.`;
  }

  // Whether there is no picture of a field: nobody can say what it holds.
  isLost(cell) {
    return this.pictures.lost.has(cell.key);
  }

  pictured(key) {
    const at = this.cells.findIndex((cell) => cell.key === key);
    if (this.pictures.lost.has(key)) {
      this.place.children[at].classList.add("lost");
      this.label(this.cells[at]);
    }
    if (!this.pictures.coming.size) this.wait();
  }

  // Asks again for the pictures that did not come.
  again() {
    for (const key of this.pictures.again()) {
      this.itemOf(key).classList.remove("lost");
      this.label(this.cells.find((cell) => cell.key === key));
    }
    this.wait();
  }

  draw(cell) {
    const item = document.createElement("div");
    item.className = "cell";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "crop";
    button.tabIndex = -1;
    const image = cell.letters ? lettered(cell) : plain();
    this.pictures.put(cell.key, image.querySelector("image") ?? image, cropUrl(cell));
    button.append(image);
    const caption = document.createElement("div");
    caption.className = "caption";
    item.append(button, caption);
    this.tell(cell, item);
    return item;
  }

  tell(cell, item = this.itemOf(cell.key)) {
    const struck = this.struck.has(cell.key);
    item.classList.toggle("struck", struck);
    item.querySelector("button.crop").setAttribute("aria-pressed", String(struck));
    this.label(cell, item);
    const caption = item.querySelector(".caption");
    const told = this.caption(cell, struck);
    if (told instanceof Node) caption.replaceChildren(told);
    else caption.textContent = struck ? "✕ struck" : told;
  }

  label(cell, item = this.itemOf(cell.key)) {
    item.querySelector("button.crop").setAttribute("aria-label", `${cell.question}, read as ${cell.read}${cell.confidence === undefined ? "" : `, ${percent(cell.confidence)}`}, sheet ${cell.sheet}${this.isLost(cell) ? ", its picture did not come" : ""}: strike`);
  }

  itemOf(key) {
    return this.place.children[this.cells.findIndex((cell) => cell.key === key)];
  }

  current() {
    return this.cells[this.at];
  }

  look(at, focus = true) {
    if (!this.cells.length) return;
    this.at = Math.min(Math.max(at, 0), this.cells.length - 1);
    const buttons = this.buttons();
    buttons.forEach((button, number) => (button.tabIndex = number === this.at ? 0 : -1));
    if (focus) buttons[this.at]?.focus({ preventScroll: false });
    const cell = this.current();
    const parts = [cell.question, `read as ${cell.read}`, cell.confidence === undefined ? "" : percent(cell.confidence), cell.why, `sheet ${cell.sheet}, ${cell.place}`, cell.may_hold && `may hold ${cell.may_hold}`];
    this.about.textContent = parts.filter(Boolean).join(" · ");
  }

  toggle() {
    const cell = this.current();
    if (!cell) return;
    const struck = !this.struck.has(cell.key);
    if (struck) this.struck.add(cell.key);
    else this.struck.delete(cell.key);
    this.tell(cell);
    this.onStruck(cell, struck);
  }

  perRow() {
    const items = [...this.place.children];
    const top = items[0]?.offsetTop ?? 0;
    const next = items.findIndex((item) => Math.abs(item.offsetTop - top) > APART_PX);
    return next < 0 ? items.length : next;
  }

  // What the grid answers to, for `bind`; nothing of it while it shows nothing.
  keys() {
    const go = (at) => () => (this.cells.length && !this.place.hidden ? this.look(at()) : false);
    return [
      { keys: ["ArrowRight"], says: "Next field", run: go(() => this.at + 1) },
      { keys: ["ArrowLeft"], says: "Field before", run: go(() => this.at - 1) },
      { keys: ["ArrowDown"], says: "One row down", run: go(() => this.below(1)) },
      { keys: ["ArrowUp"], says: "One row up", run: go(() => this.below(-1)) },
      { keys: ["Home"], says: "First field", run: go(() => 0) },
      { keys: ["End"], says: "Last field", run: go(() => this.cells.length - 1) },
      { keys: [" ", "x"], says: "Strike the field, or take the strike off", run: (event) => this.strike(event) },
      { keys: ["r"], says: "Load pictures again that did not come", run: () => (this.pictures.lost.size ? this.again() : false) },
    ];
  }

  below(rows) {
    const to = this.at + rows * this.perRow();
    return to < 0 || to >= this.cells.length ? this.at : to;
  }

  strike(event) {
    if (!this.cells.length || this.place.hidden) return false;
    const target = event.target;
    if (target instanceof HTMLElement && target.closest("button, a") && !target.closest(".cell")) return false;
    if (!event.repeat) this.toggle();
    return undefined;
  }

  clear() {
    this.pictures.clear();
    this.cells = [];
    this.struck.clear();
    this.place.replaceChildren();
    this.place.hidden = true;
    this.about.textContent = "";
  }
}
