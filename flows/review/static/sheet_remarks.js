// Which field a remark on a sheet is about, so that it leads there, and which field a sheet opens at.

const every = (data) => data.pages.flatMap((page) => page.fields.filter((one) => one.key));

// Remarks call the mark of question 4 "Q4", and its field is labelled "4 (max 10)"; the total is "the total".
function isNamed(field, remark) {
  const [first] = field.label.split(" ");
  const name = /^\d/.test(first) ? `q${first}` : field.role === "total" ? "total" : field.label.toLowerCase();
  const said = remark.toLowerCase();
  const at = said.indexOf(name);
  const isLetter = (one) => /[\p{L}\p{N}]/u.test(one ?? "");
  return at >= 0 && !isLetter(said[at - 1]) && !isLetter(said[at + name.length]);
}

// Returns the field that a remark names, else one that it put in question, an open one first; undefined for none.
export function fieldOf(remark, data) {
  const fields = every(data);
  const named = fields.filter((one) => isNamed(one, remark));
  const doubted = fields.filter((one) => one.question?.includes(remark) || one.why?.includes(remark));
  return named[0] ?? doubted.find((one) => one.state === "open") ?? doubted[0];
}

// Returns the field that somebody has come to look at: one with a remark, else one that is open.
export function firstOf(data) {
  for (const remark of data.remarks) {
    const found = fieldOf(remark, data);
    if (found) return found;
  }
  const fields = every(data);
  return fields.find((one) => one.question) ?? fields.find((one) => one.state === "open");
}
