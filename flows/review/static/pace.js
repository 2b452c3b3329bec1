// How fast somebody decides: the median of the last decisions says how long the rest takes.

const STORE = "tallymark.pace";
const KEPT = 60;
const PAUSE_MS = 60_000; // longer is a pause, not a decision

export class Pace {
  #took = [];
  done = 0;

  constructor() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(STORE) ?? "{}");
      if (Array.isArray(kept.took)) this.#took = kept.took.filter(Number.isFinite).slice(-KEPT);
      if (Number.isSafeInteger(kept.done) && kept.done > 0) this.done = kept.done;
    } catch {
      // Begins anew.
    }
  }

  add(ms) {
    this.done += 1;
    if (ms > 0 && ms < PAUSE_MS) this.#took = [...this.#took, Math.round(ms)].slice(-KEPT);
    try {
      sessionStorage.setItem(STORE, JSON.stringify({ took: this.#took, done: this.done }));
    } catch {
      // Kept in memory only.
    }
  }

  takeBack() {
    this.done = Math.max(this.done - 1, 0);
  }

  // Milliseconds a decision takes, null while too few were made to say.
  get median() {
    if (this.#took.length < 5) return null;
    const sorted = [...this.#took].sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)];
  }

  words(left) {
    const median = this.median;
    if (!median) return "";
    const minutes = Math.ceil((median * left) / 60_000);
    const rest = minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
    return `${left ? `about ${rest} to go, ` : ""}${Math.round(3_600_000 / median).toLocaleString("en")} an hour`;
  }
}
