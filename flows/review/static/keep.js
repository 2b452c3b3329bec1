// Two pictures of one page side by side, zoomed and moved together; k keeps the first, r replaces it.
import { LONG_MS, post } from "./api.js";
import { bind } from "./keys.js";
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

let busy = false;
async function decide(choice) {
  if (busy || !$("keep")) return;
  busy = true;
  $("keep").disabled = $("replace").disabled = true;
  try {
    await post(view.dataset.at, { choice }, LONG_MS);
    await follow(view.dataset.work, { progress: $("progress"), outcome: $("outcome"), box: $("work") });
    $("outcome").append(" ");
    const again = document.createElement("a");
    again.href = "/sheets?show=held";
    again.textContent = "To the held pages";
    $("outcome").append(again);
  } catch (problem) {
    $("work").hidden = false;
    $("progress").hidden = true;
    $("outcome").className = "outcome bad";
    $("outcome").textContent = problem.message;
  }
  busy = false;
  $("keep").disabled = $("replace").disabled = false;
}

$("keep")?.addEventListener("click", () => decide("keep"));
$("replace")?.addEventListener("click", () => decide("replace"));
$("zoom-in").addEventListener("click", () => all.in());
$("zoom-out").addEventListener("click", () => all.out());
$("zoom-all").addEventListener("click", () => all.fit());
bind([
  { keys: ["k"], says: "Keep the picture that came first", run: () => decide("keep") },
  { keys: ["r"], says: "Replace it by the other one", run: () => decide("replace") },
  ...viewerKeys(all),
]);
