// Draws the fields of a page over its picture: the outline tells the state by its pattern too, the label what was read.
import { draw } from "./page_parts.js";

const GROW = 0.5;

const states = { value: "settled", blank: "blank", open: "open", corrected: "said by a person", missing: "not read", picture: "kept as a picture" };

export function inWords(field) {
  const why = field.why ? `, ${field.why}` : "";
  return `${field.label}: ${field.text || (field.state === "picture" ? "" : "nothing")} ${states[field.state]}${why}`;
}

export function areaOf(field) {
  const left = Math.min(...field.boxes.map((box) => box[0]));
  const top = Math.min(...field.boxes.map((box) => box[1]));
  const right = Math.max(...field.boxes.map((box) => box[0] + box[2]));
  const bottom = Math.max(...field.boxes.map((box) => box[1] + box[3]));
  return [left, top, right - left, bottom - top];
}

function outline(field, box, grow, name) {
  const [x, y, width, height] = box;
  if (field.round) return draw("ellipse", { class: name, cx: x + width / 2, cy: y + height / 2, rx: width / 2 + grow, ry: height / 2 + grow });
  return draw("rect", { class: name, x: x - grow, y: y - grow, width: width + 2 * grow, height: height + 2 * grow, rx: 0.4 });
}

export function drawField(field) {
  const editable = Boolean(field.key);
  const group = draw("g", { class: `field ${field.state}${field.blank && field.state === "corrected" ? " is-blank" : ""}` });
  if (editable) {
    group.setAttribute("tabindex", "0");
    group.setAttribute("role", "button");
    group.setAttribute("aria-label", inWords(field));
    group.dataset.key = field.key;
  } else group.setAttribute("aria-hidden", "true");
  const [x, y, width, height] = areaOf(field);
  group.append(draw("rect", { class: "ring", x: x - 2, y: y - 2, width: width + 4, height: height + 4, rx: 1.2 }));
  // Of a grid of bubbles those that were chosen are drawn, and the area once: a hundred rings say nothing.
  const hits = new Set(field.hits ?? []);
  const many = field.boxes.length > 14;
  if (many) group.append(outline({ round: false }, [x, y, width, height], GROW + 0.6, "box"));
  field.boxes.forEach((box, at) => {
    if (many && !hits.has(at)) return;
    group.append(outline(field, box, GROW, hits.has(at) ? "box hit" : "box"));
    if (field.state === "corrected" && !many) group.append(outline(field, box, GROW + 0.8, "twin"));
  });
  if (field.state === "corrected" && many) group.append(outline({ round: false }, [x, y, width, height], GROW + 1.5, "twin"));
  if (field.at && field.text) group.append(...label(field));
  return group;
}

function label(field) {
  const [x, y, width, height] = field.at;
  const isSaid = field.state === "corrected";
  const plate = draw("rect", { class: "plate", x, y, width: width + (isSaid ? 3.4 : 0), height, rx: 0.7 });
  const text = draw("text", { x: x + 0.9, y: y + height / 2 + 1.2, textLength: Math.max(width - 1.8, 1), lengthAdjust: "spacingAndGlyphs" });
  text.textContent = field.text;
  if (!isSaid) return [plate, text];
  const tick = draw("path", { class: "tick", d: `M${x + width} ${y + height / 2}l.9 1 1.6-2.4` });
  return [plate, text, tick];
}
