// Places a page by hand: four corners are shown, the server says where the boxes land, and reads the page there.
import { showAcceptance } from "./accept.js";
import { get, LONG_MS, offline, post, Refused } from "./api.js";
import { bind } from "./keys.js";
import { draw, make } from "./page_parts.js";
import { Viewer, viewerKeys } from "./viewer.js";
import { follow } from "./work.js";

const $ = (id) => document.getElementById(id);
const at = $("view").dataset.at;
const viewer = new Viewer($("paper"));

let data = null;
let corners = [];
let shown = new Set(); // corners that somebody showed, by number: the others lie where those of a straight page would
let problem = "asked"; // why the page cannot be read here, as the server says it; "" if it can
let chosen = -1;
let turn = 0;
let busy = false;

async function begin() {
  try {
    data = await get(`${at}/data`);
  } catch (problem) {
    $("no-picture").textContent = problem.message;
    if (problem.status === 0) offline(problem.message);
    return;
  }
  $("no-picture").hidden = true;
  viewer.show(data.image, [0, 0, data.width, data.height], "The page as it was scanned");
  $("template").replaceChildren(...data.templates.map((one) => make("option", { value: one.name }, one.title ? `${one.title} (${one.name})` : one.name)));
  if (data.placed) {
    $("template").value = data.placed.template;
    $("serial").value = data.placed.serial ?? "";
  }
  pages(data.placed?.page);
  showNow(data.now);
  $("work").hidden = $("after").hidden;
  $("progress").hidden = true;
  showAcceptance(data.acceptance, at.replace("/place/", "/accept/page/"));
  if (!data.placeable) {
    tell(`This page needs no placing: it is ${data.now.outcome}.`, "bad");
    return;
  }
  await anew(data.placed?.corners);
}

function pages(page = 1) {
  const template = chosenTemplate();
  $("page").replaceChildren(...Array.from({ length: template.pages }, (_, number) => make("option", { value: String(number + 1) }, String(number + 1))));
  $("page").value = String(Math.min(page, template.pages));
  $("serial-label").hidden = !template.serial;
  $("how").textContent = template.form
    ? "Click the four corners of the paper in this order, as the form is read, whichever way up it lies:"
    : "Click the outer corners of the four corner marks in this order, as the sheet is read, whichever way up it lies:";
}

const chosenTemplate = () => data.templates.find((one) => one.name === $("template").value);

function showNow(now) {
  $("now").textContent = now.outcome + (now.reason ? `: ${now.reason}` : "");
  $("unplace").hidden = !now.by_hand;
  $("after").replaceChildren(...wayOn(now));
  $("after").hidden = !$("after").children.length;
}

// How it goes on with a page that was placed: to its sheet, or, out of order, to what tells which sheet that is.
function wayOn(now) {
  if (now.sheet) return [make("a", { class: "button", href: `/sheets?sheet=${encodeURIComponent(now.sheet)}` }, `Open sheet ${now.sheet}`)];
  if (!now.joins) return [];
  const byNumber = now.by_hand && chosenTemplate().serial;
  const words = make("p", {}, "Nothing on this page tells which sheet it belongs to, so it is held. ");
  const there = make("p", {}, byNumber ? "Or say at the command line which pages make one sheet: " : "Say at the command line which pages make one sheet: ", make("code", {}, now.joins));
  if (!byNumber) return [words, there];
  words.append("If the number of the printed copy can be read, type it and have the page read again.");
  const button = make("button", { type: "button" }, "Type the number");
  button.addEventListener("click", () => $("serial").focus());
  return [words, make("p", {}, button), there];
}

async function anew(placed) {
  chosen = -1;
  shown = new Set();
  if (placed) {
    corners = placed.map((one) => [...one]);
    shown = new Set(corners.keys());
  } else {
    corners = [];
    const query = new URLSearchParams({ template: $("template").value, page: $("page").value });
    try {
      const straight = (await get(`${at}/start?${query}`, LONG_MS)).corners;
      // What was shown while this was asked stays.
      corners = straight.map((one, number) => (shown.has(number) ? corners[number] : one));
    } catch (problem) {
      return tell(problem.message, "bad");
    }
  }
  steps();
  await land();
}

// The corner that a click shows next, 4 when all are shown.
const nextCorner = () => [0, 1, 2, 3].find((number) => !shown.has(number)) ?? 4;

function steps() {
  const now = nextCorner();
  $("steps").replaceChildren(...data.points.map((name, number) => make("li", { class: shown.has(number) ? "done" : number === now ? "now" : "" }, name + (shown.has(number) ? " ✓" : ""))));
  ready();
}

// A page is read where somebody showed it, not where a straight one would lie: all four corners are needed.
function ready() {
  $("confirm").disabled = !data.placeable || busy || shown.size < 4 || Boolean(problem);
}

// ---- what is drawn ---------------------------------------------------------------------------------------------------

let landed = draw("g");
const handles = draw("g");

function paint(told) {
  const thin = viewer.box[2] / 500;
  landed = draw("g", { "stroke-width": thin, "aria-hidden": "true" });
  const points = (list) => list.map((one) => one.join(",")).join(" ");
  for (const one of told.boxes) landed.append(draw("polygon", { class: "landing", points: points(one.points) }));
  if (told.frame.length) landed.append(draw("polygon", { class: "frame", points: points(told.frame), "stroke-dasharray": `${6 * thin} ${4 * thin}` }));
  viewer.over.replaceChildren(landed, handles);
  paintHandles();
}

function paintHandles() {
  const size = viewer.box[2] / 70;
  if (!handles.children.length)
    data.points.forEach((name, number) => {
      const group = draw("g", { class: "corner", tabindex: "0", role: "button", "data-held": "", "data-number": String(number) });
      group.append(draw("circle"), draw("path"), draw("text"));
      group.lastChild.textContent = String(number + 1);
      handles.append(group);
    });
  corners.forEach(([x, y], number) => {
    const [circle, cross, text] = handles.children[number].children;
    const group = handles.children[number];
    group.setAttribute("aria-label", `${data.points[number]}: ${Math.round(x)}, ${Math.round(y)}`);
    group.classList.toggle("chosen", number === chosen);
    // Until it was shown, a corner lets clicks through: the place to show may lie under another one's.
    group.classList.toggle("ghost", !shown.has(number));
    for (const [key, value] of Object.entries({ cx: x, cy: y, r: size, "stroke-width": size / 7 })) circle.setAttribute(key, value);
    cross.setAttribute("d", `M${x - size / 2} ${y}h${size}M${x} ${y - size / 2}v${size}`);
    cross.setAttribute("stroke", "#a81e1e");
    cross.setAttribute("stroke-width", size / 14);
    text.setAttribute("x", x + size * 1.1);
    text.setAttribute("y", y - size * 0.7);
    text.setAttribute("font-size", size * 1.5);
  });
}
viewer.changed = () => {
  if (data && viewer.over && corners.length) {
    landed.setAttribute("stroke-width", viewer.box[2] / 500);
    paintHandles();
  }
};

const asked = () => ({
  template: $("template").value,
  page: Number($("page").value),
  serial: $("serial").value.trim() && chosenTemplate().serial ? Number($("serial").value.trim()) : null,
  corners,
});

// Asks where the boxes land; of answers that cross, the latest question counts.
let asking = false;
let askAgain = false;
async function land() {
  if (corners.length < 4) return;
  paintHandles();
  if (!viewer.over.contains(handles)) viewer.over.append(handles);
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  const mine = ++turn;
  try {
    const body = asked();
    if (body.serial !== null && !(Number.isInteger(body.serial) && body.serial > 0)) {
      problem = "The number of the copy is a whole number, such as 17; leave it empty if you cannot read it.";
      tell(problem, "bad");
      ready();
      return;
    }
    const told = await post(`${at}/preview`, body, LONG_MS);
    offline();
    if (mine !== turn) return;
    paint(told);
    ({ problem } = told);
    tellPlace();
  } catch (refused) {
    if (refused instanceof Refused && refused.status === 0) offline(refused.message);
    problem = refused.message;
    tellPlace();
  } finally {
    ready();
    asking = false;
    if (askAgain) {
      askAgain = false;
      land();
    }
  }
}

// Of four corners that are not all shown nothing can be wrong yet.
function tellPlace() {
  const missing = 4 - shown.size;
  if (missing) tell(`It can be read when all four corners are shown: ${missing === 1 ? "one is" : `${missing} are`} missing.`);
  else tell(problem, problem ? "bad" : "");
}

function tell(words, kind = "") {
  $("problem").textContent = words;
  $("problem").className = `problem ${kind}`;
}

// ---- hands -----------------------------------------------------------------------------------------------------------

function put(number, x, y) {
  corners[number] = [Math.round(x * 10) / 10, Math.round(y * 10) / 10];
  shown.add(number);
  chosen = number;
  steps();
  land();
}

viewer.svg.addEventListener("click", (event) => {
  if (!data?.placeable || viewer.moved || busy) return;
  const inside = event.target.closest(".corner");
  if (inside) {
    const there = Number(inside.dataset.number);
    if (!dragging && shown.size < 4) tell(`Corner ${there + 1} is here already: drag it to move it. Click outside of its circle to show corner ${nextCorner() + 1}.`, "bad");
    return;
  }
  const number = shown.size < 4 ? nextCorner() : chosen;
  if (number < 0) return tell("Choose a corner to move it, or begin anew.", "");
  put(number, ...viewer.at(event.clientX, event.clientY));
});

let dragged = -1;
let dragging = false; // since the finger went down on a corner it has moved it: the click at its end says nothing
handles.addEventListener("pointerdown", (event) => {
  const group = event.target.closest(".corner");
  if (!group || busy) return;
  dragged = Number(group.dataset.number);
  dragging = false;
  group.setPointerCapture(event.pointerId);
});
handles.addEventListener("pointermove", (event) => {
  if (dragged < 0) return;
  dragging = true;
  put(dragged, ...viewer.at(event.clientX, event.clientY));
});
for (const name of ["pointerup", "pointercancel"]) handles.addEventListener(name, () => (dragged = -1));
handles.addEventListener("focusin", (event) => {
  chosen = Number(event.target.closest(".corner").dataset.number);
  const [x, y] = corners[chosen];
  const around = viewer.box[2] / 30;
  viewer.reveal([x - around, y - around, 2 * around, 2 * around]);
  paintHandles();
});
handles.addEventListener("keydown", (event) => {
  const number = Number(event.target.closest(".corner").dataset.number);
  // Enter shows a corner that lies right already; with all four shown it reads the page.
  const way = event.key === "Enter" && !shown.has(number) ? [0, 0] : { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!way || busy || !data.placeable) return;
  event.preventDefault();
  event.stopPropagation();
  const by = event.shiftKey ? 10 : 1;
  put(number, corners[number][0] + by * way[0], corners[number][1] + by * way[1]);
});

$("template").addEventListener("change", () => {
  pages();
  if (shown.size) land();
  else anew();
});
$("page").addEventListener("change", () => land());
$("serial").addEventListener("input", () => land());
$("again").addEventListener("click", () => anew());
$("zoom-in").addEventListener("click", () => viewer.in());
$("zoom-out").addEventListener("click", () => viewer.out());
$("zoom-all").addEventListener("click", () => viewer.fit());

async function work(url, body) {
  if (busy) return;
  busy = true;
  $("confirm").disabled = true;
  $("unplace").disabled = true;
  try {
    await post(url, body, LONG_MS);
    $("work").hidden = false;
    $("work").scrollIntoView({ block: "nearest" });
    const told = await follow(at, { progress: $("progress"), outcome: $("outcome"), box: $("work") });
    data.placeable = told.now.by_hand || ["failed", "foreign", "blank"].includes(told.now.outcome);
    showNow(told.now);
    $("work").scrollIntoView({ block: "nearest" });
  } catch (refused) {
    $("work").hidden = false;
    $("progress").hidden = true;
    $("outcome").className = "outcome bad";
    $("outcome").textContent = refused.message;
  }
  busy = false;
  $("unplace").disabled = false;
  ready();
}

$("confirm").addEventListener("click", () => work(`${at}/confirm`, asked()));
$("unplace").addEventListener("click", () => work(`${at}/unplace`, {}));

// The sheet lies sideways: the same places, the next corner first.
function turnCorners() {
  if (!corners.length || busy) return;
  corners = [...corners.slice(1), corners[0]];
  shown = new Set([...shown].map((number) => (number + 3) % 4));
  steps();
  land();
}
$("turn").addEventListener("click", turnCorners);

const onCorner = () => Boolean(document.activeElement?.closest?.(".corner"));
bind([
  { keys: ["1", "2", "3", "4"], says: "Choose a corner", run: (event) => handles.children[Number(event.key) - 1]?.focus() },
  { keys: ["Tab"], says: "Next corner; arrows move it, ten pixels with Shift, Enter shows it where it is", run: () => false },
  { keys: ["Enter"], says: "Read the page where the sheet is shown", run: (event) => (event.target.closest?.("a, button") || $("confirm").disabled ? false : work(`${at}/confirm`, asked())) },
  { keys: ["t"], says: "Turn the corners by a quarter", run: turnCorners },
  ...viewerKeys(viewer, () => !onCorner()),
]);
begin();
