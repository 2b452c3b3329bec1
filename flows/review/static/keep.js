// Two pictures of one page side by side, zoomed and moved together; k keeps the first, r replaces it, Enter confirms.
import { get, LONG_MS, post } from "./api.js";
import { bind } from "./keys.js";
import { make } from "./page_parts.js";
import { Viewer, viewerKeys } from "./viewer.js";
import { follow } from "./work.js";

const $ = (id) => document.getElementById(id);
const view = $("view");

const viewers = [...document.querySelectorAll("svg.viewer")].map((svg) => {
  const viewer = new Viewer(svg);
  viewer.show(svg.dataset.image, [0, 0, Number(svg.dataset.width), Number(svg.dataset.height)], svg.getAttribute("aria-label"));
  return viewer;
});

// What is done to one picture is done to the others, in their own sizes.
let leading = null;
for (const one of viewers)
  one.changed = () => {
    if (leading && leading !== one) return;
    leading = one;
    for (const other of viewers)
      if (other !== one) other.set(one.box.map((value, at) => (value * other.whole[2 + (at % 2)]) / one.whole[2 + (at % 2)]));
    leading = null;
  };

const all = new Proxy({}, { get: (_, name) => (...given) => viewers[0]?.[name](...given) });

// Shows which picture counts now, and what may be decided, as the server says it.
function told(now) {
  for (const side of now.sides) {
    const figure = document.querySelector(`figure[data-page="${CSS.escape(side.page)}"]`);
    if (!figure) continue;
    figure.querySelector("figcaption").textContent = side.caption;
    figure.querySelector("svg").setAttribute("aria-label", side.caption);
    figure.querySelector(".words").textContent = side.words;
    figure.querySelector(".stage").classList.toggle("counts", side.counts);
    figure.querySelector(".stage").classList.toggle("held", !side.counts);
  }
  for (const way of ["keep", "replace"]) {
    const button = $(way);
    button.querySelector(".says").textContent = now.choice[way].says;
    button.dataset.asks = now.choice[way].asks;
    button.disabled = now.choice[way].holds;
    button.classList.remove("main");
  }
  // The columns stand as they stood when the page came: under the pictures.
  const places = [...document.querySelectorAll("#differ thead th")].slice(1).map((each) => each.textContent);
  const order = places.map((place) => now.between.indexOf(place));
  if (order.includes(-1)) return;
  $("differ").tBodies[0].replaceChildren(
    ...now.differ.map((one) => make("tr", {}, make("th", { scope: "row" }, one.label), ...order.map((at) => make("td", {}, one.values[at])))),
  );
  $("differ").hidden = !now.differ.length;
  $("differ-heading").textContent = now.differ.length ? "Read differently" : "Every field was read alike";
}

let busy = false;
let asked = "";

// Which picture counts changes marks: one letter alone decides nothing.
function ask(choice) {
  if (busy || !$(choice) || $(choice).disabled) return;
  asked = choice;
  $("sure-heading").textContent = `${$(choice).querySelector(".says").textContent}?`;
  $("sure-words").textContent = $(choice).dataset.asks;
  $("sure").showModal();
  $("sure-yes").focus();
}

async function decide(choice) {
  busy = true;
  $("keep").disabled = $("replace").disabled = true;
  let now = null;
  try {
    await post(view.dataset.at, { choice }, LONG_MS);
    await follow(view.dataset.work, { progress: $("progress"), outcome: $("outcome"), box: $("work") });
    const again = make("a", { href: "/sheets?show=held" }, "To the held pages");
    $("outcome").append(" It can be decided otherwise at any time, above. ", again);
  } catch (problem) {
    $("work").hidden = false;
    $("progress").hidden = true;
    $("outcome").className = "outcome bad";
    $("outcome").textContent = problem.message;
  }
  try {
    now = await get(`${view.dataset.at}/now`);
  } catch {
    $("keep").disabled = $("replace").disabled = false;
  }
  if (now) told(now);
  busy = false;
}

for (const way of ["keep", "replace"]) $(way)?.addEventListener("click", () => ask(way));
$("sure-yes")?.addEventListener("click", () => {
  $("sure").close();
  decide(asked);
});
$("sure-no")?.addEventListener("click", () => $("sure").close());
$("zoom-in").addEventListener("click", () => all.in());
$("zoom-out").addEventListener("click", () => all.out());
$("zoom-all").addEventListener("click", () => all.fit());
bind([
  { keys: ["k"], says: "Keep the picture that came first (asks before it decides)", run: () => ask("keep") },
  { keys: ["r"], says: "Replace it by the other one (asks before it decides)", run: () => ask("replace") },
  ...viewerKeys(all),
]);
