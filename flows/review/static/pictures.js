// Loads pictures before they are needed: decoded, so that putting one on the page takes no time. One that did not come is
// asked for again while it is on the page: a little later, and at once when the connection is back.

const AT_ONCE = 2; // pictures of surroundings that are asked for at once: each may have to be drawn from the scan
const AGAIN_MS = [2000, 4000, 8000]; // a server that draws too many pages wants to be left alone for two seconds
const queue = [];
const ways = new WeakMap(); // how each picture is asked for: {ask, failed, timer}
let running = 0;

// Whether a picture can have been looked at.
export const hasCome = (image) => image.complete && image.naturalWidth > 0 && !image.hasAttribute("data-failed");

// Sees to it that a picture is asked for again where it fails; `ask` asks for it.
export function insist(image, ask) {
  ways.set(image, { ask, failed: 0, timer: 0 });
  image.addEventListener("load", () => came(image));
  image.addEventListener("error", () => lost(image));
}

// Asks at once for a picture that did not come; does nothing for any other.
export function again(image) {
  if (!image.hasAttribute("data-failed")) return;
  const way = ways.get(image);
  clearTimeout(way.timer);
  image.removeAttribute("data-failed");
  way.ask();
}

function came(image) {
  const way = ways.get(image);
  clearTimeout(way.timer);
  way.failed = 0;
  image.removeAttribute("data-failed");
}

function lost(image) {
  const way = ways.get(image);
  clearTimeout(way.timer);
  image.setAttribute("data-failed", "");
  way.timer = setTimeout(() => image.isConnected && again(image), AGAIN_MS[Math.min(way.failed, AGAIN_MS.length - 1)]);
  way.failed += 1;
}

addEventListener("online", () => document.querySelectorAll("[data-failed]").forEach(again));

function load(image, url) {
  image.src = url;
  return image.decode().then(
    () => came(image),
    () => lost(image),
  );
}

export function picture(url, alt, { first = false } = {}) {
  const image = new Image();
  image.alt = alt;
  image.decoding = "sync";
  image.draggable = false;
  const ask = () => {
    if (first) load(image, url);
    else queue.unshift({ image, url });
    pump();
  };
  ways.set(image, { ask, failed: 0, timer: 0 });
  if (first) load(image, url);
  else queue.push({ image, url });
  pump();
  return image;
}

// A picture that is on the screen now goes before those that are not needed yet.
export function hurry(image) {
  const at = queue.findIndex((one) => one.image === image);
  if (at > 0) queue.unshift(...queue.splice(at, 1));
  pump();
}

function pump() {
  while (running < AT_ONCE && queue.length) {
    const { image, url } = queue.shift();
    running += 1;
    load(image, url).then(() => {
      running -= 1;
      pump();
    });
  }
}
