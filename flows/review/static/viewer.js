// A page that can be zoomed and moved: wheel, drag, two fingers, keys. What is drawn keeps the page's own coordinates.
import { draw } from "./page_parts.js";

const STEP = 1.25;
const MOST = 12;
const PAN = 0.12;

export class Viewer {
  constructor(svg) {
    this.svg = svg;
    this.whole = [0, 0, 100, 100];
    this.box = [...this.whole];
    this.pointers = new Map();
    this.moved = false;
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) svg.addEventListener(name, (event) => this.up(event));
  }

  // Shows a picture that fills an area [x, y, width, height].
  show(address, area, label) {
    this.whole = [...area];
    this.picture = draw("image", { href: address, x: area[0], y: area[1], width: area[2], height: area[3], preserveAspectRatio: "none", role: "img" });
    if (label) this.picture.setAttribute("aria-label", label);
    this.over = draw("g", {});
    this.svg.replaceChildren(this.picture, this.over);
    this.fit();
    return this.picture;
  }

  set(box) {
    const [x, y, width, height] = this.whole;
    const wide = Math.min(Math.max(box[2], width / MOST), width * 1.6);
    const high = (wide * box[3]) / box[2];
    const left = Math.min(Math.max(box[0], x - wide / 2), x + width - wide / 2);
    const top = Math.min(Math.max(box[1], y - high / 2), y + height - high / 2);
    this.box = [left, top, wide, high];
    this.svg.setAttribute("viewBox", this.box.map((one) => one.toFixed(3)).join(" "));
    this.changed?.();
  }

  fit() {
    this.set([...this.whole]);
  }

  // Shows the whole width of the picture, from the top.
  wide() {
    const [x, y, width, height] = this.whole;
    const high = Math.min((this.svg.clientHeight * width) / (this.svg.clientWidth || 1), height);
    const across = (high * width) / height;
    this.set([x + (width - across) / 2, y, across, high]);
  }

  get zoom() {
    return this.whole[2] / this.box[2];
  }

  // The place under a point of the screen, in the page's own coordinates.
  at(clientX, clientY) {
    const matrix = this.svg.getScreenCTM();
    const point = new DOMPoint(clientX, clientY).matrixTransform(matrix.inverse());
    return [point.x, point.y];
  }

  scale(factor, x, y) {
    const wide = Math.min(Math.max(this.box[2] / factor, this.whole[2] / MOST), this.whole[2] * 1.6);
    const by = wide / this.box[2];
    this.set([x - (x - this.box[0]) * by, y - (y - this.box[1]) * by, wide, this.box[3] * by]);
  }

  zoomBy(factor) {
    this.scale(factor, this.box[0] + this.box[2] / 2, this.box[1] + this.box[3] / 2);
  }

  in() {
    this.zoomBy(STEP);
  }

  out() {
    this.zoomBy(1 / STEP);
  }

  pan(across, down) {
    this.set([this.box[0] + across * PAN * this.box[2], this.box[1] + down * PAN * this.box[3], this.box[2], this.box[3]]);
  }

  // Moves so that an area is seen, and no more than that.
  reveal([x, y, width, height]) {
    const edge = 4;
    const [left, top, wide, high] = this.box;
    const across = x - edge < left ? x - edge - left : Math.max(x + width + edge - left - wide, 0);
    const down = y - edge < top ? y - edge - top : Math.max(y + height + edge - top - high, 0);
    if (across || down) this.set([left + across, top + down, wide, high]);
  }

  wheel(event) {
    event.preventDefault();
    if (event.shiftKey) return this.pan(Math.sign(event.deltaY || event.deltaX), 0);
    const [x, y] = this.at(event.clientX, event.clientY);
    this.scale(Math.exp(-Math.max(-100, Math.min(100, event.deltaY)) / 400), x, y);
  }

  down(event) {
    if (event.button || event.target.closest("[data-held]")) return;
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.moved = false;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    if (this.pointers.size === 1) {
      if (!this.moved && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
      this.moved = true;
      this.svg.setPointerCapture(event.pointerId);
      const [x0, y0] = this.at(...before);
      const [x1, y1] = this.at(...now);
      this.set([this.box[0] + x0 - x1, this.box[1] + y0 - y1, this.box[2], this.box[3]]);
    } else {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      this.moved = true;
      const [cx, cy] = this.at((now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
      this.scale(apart(now) / apart(before), cx, cy);
    }
    this.pointers.set(event.pointerId, now);
  }

  up(event) {
    if (event.type === "pointerleave" && this.svg.hasPointerCapture(event.pointerId)) return;
    this.pointers.delete(event.pointerId);
  }
}

// What keys do to a viewer, for `bind`.
export function viewerKeys(viewer, arrows = () => true) {
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const names = Object.keys(ways);
  return [
    { keys: ["+", "="], says: "Zoom in", run: () => viewer.in() },
    { keys: ["-"], says: "Zoom out", run: () => viewer.out() },
    { keys: ["0"], says: "Whole page", run: () => viewer.fit() },
    { keys: ["w"], says: "Width of the page", run: () => viewer.wide() },
    { keys: names, says: "Move over the page", run: (event) => (arrows() ? viewer.pan(...ways[event.key]) : false) },
    { keys: names.map((name) => `Shift+${name}`), says: "Move over the page, whatever is chosen", run: (event) => viewer.pan(...ways[event.key]) },
  ];
}
