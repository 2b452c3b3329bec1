// The pictures on a wall: which are still coming, and which did not come. Nobody decides about what he cannot have seen.

const AGAIN_MS = [500, 1500]; // a picture that fails is asked for again after these times, and then given up

export class Pictures {
  #loads = new Map(); // what asks for a picture, by key
  #changed;
  coming = new Set();
  lost = new Set();

  // `changed(key)` hears of each picture that has come or was given up.
  constructor(changed) {
    this.#changed = changed;
  }

  clear() {
    this.#loads.clear();
    this.coming.clear();
    this.lost.clear();
  }

  // Puts a picture (img, or image of SVG) on its place, as soon as it comes.
  put(key, picture, url) {
    const source = picture instanceof HTMLImageElement ? "src" : "href";
    let asked = 0;
    let failed = 0;
    const isShown = () => this.#loads.get(key) === load;
    const done = (lost) => {
      if (!isShown()) return;
      this.coming.delete(key);
      if (lost) this.lost.add(key);
      this.#changed(key);
    };
    picture.addEventListener("load", () => done(false));
    picture.addEventListener("error", () => {
      if (failed === AGAIN_MS.length) {
        failed = 0;
        done(true);
      } else {
        setTimeout(() => isShown() && load(), AGAIN_MS[failed]);
        failed += 1;
      }
    });
    const load = () => {
      // Under the same address a browser may say at once that it failed.
      picture.setAttribute(source, asked ? `${url}&again=${asked}` : url);
      asked += 1;
    };
    this.#loads.set(key, load);
    this.coming.add(key);
    load();
  }

  // Asks again for those that were given up; returns their keys.
  again() {
    const keys = [...this.lost];
    this.lost.clear();
    for (const key of keys) {
      this.coming.add(key);
      this.#loads.get(key)();
    }
    return keys;
  }
}

// Says that pictures of a grid did not come, with a button that asks for them again; without `words`, says it no more.
export function lostWords(note, grid, words) {
  if (!words) {
    if (note.querySelector("button")) note.replaceChildren();
    return;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Load them again";
  button.addEventListener("click", () => {
    grid.again();
    grid.look(grid.at);
  });
  note.replaceChildren(`${words} `, button);
  note.className = "wall-note warn";
}
