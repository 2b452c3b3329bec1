// What this window has said of fields of sheets, the latest last: undo takes that back, wherever it was said.

const MOST = 200;

export class Said {
  #list = [];

  get size() {
    return this.#list.length;
  }

  // `rows` are the rows of the trail that it became, by key; `name` is what people call the field, `words` what was said.
  add({ sheet, name, words, rows }) {
    this.#list.push({ sheet, name, words, rows: new Map(Object.entries(rows)) });
    if (this.#list.length > MOST) this.#list.shift();
  }

  last() {
    return this.#list.at(-1);
  }

  drop(one) {
    this.#list = this.#list.filter((each) => each !== one);
  }

  // A row that was taken back otherwise is not taken back twice.
  forget(key, row) {
    for (const one of this.#list) if (one.rows.get(key) === row) one.rows.delete(key);
    this.#list = this.#list.filter((one) => one.rows.size);
  }
}
