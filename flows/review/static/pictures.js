// Loads pictures before they are needed: decoded, so that putting one on the page takes no time.

const AT_ONCE = 2; // pictures of surroundings that are asked for at once: each may have to be drawn from the scan
const queue = [];
let running = 0;

function load(image, url) {
  image.src = url;
  return image.decode().then(
    () => image.removeAttribute("data-failed"),
    () => image.setAttribute("data-failed", ""),
  );
}

export function picture(url, alt, { first = false } = {}) {
  const image = new Image();
  image.alt = alt;
  image.decoding = "sync";
  image.draggable = false;
  if (first) image.ready = load(image, url);
  else image.ready = new Promise((done) => queue.push({ image, url, done }));
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
    const { image, url, done } = queue.shift();
    running += 1;
    load(image, url).then(() => {
      running -= 1;
      done();
      pump();
    });
  }
}
