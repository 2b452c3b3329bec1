// What became of a page of a wall, in words: for the wall of its group, for that of another one, and for the list of groups.

const MOST_NAMED = 3;

export const plural = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

function named(late) {
  const some = late.slice(0, MOST_NAMED).map((one) => `${one.place}: ${one.words}`);
  return `${some.join(" ")}${late.length > MOST_NAMED ? ` And ${late.length - MOST_NAMED} more.` : ""}`;
}

// Where another group is open than that of the page, or none, the page is named.
const which = (sent, here) => (sent.title && sent.group !== here ? `“${sent.title}”: ` : "");

// Returns what is to be said of a page that the server has, "" where nothing is.
export function storedWords(sent, told, here = "") {
  const late = told.late.length ? plural(told.late.length, "field") : "";
  if (sent.url === "/wall/undo") {
    const words = `${which(sent, here)}${plural(told.undone.length, "decision")} taken back; the fields are open again.`;
    return late ? `${words} ${late} left as decided since: ${named(told.late)}` : words;
  }
  return late ? `${which(sent, here)}${plural(told.stored.length, "field")} stored; ${late} not taken: ${named(told.late)}` : "";
}

export function refusedWords(sent, problem, here = "") {
  const what = sent.url === "/wall/undo" ? "The page was not taken back" : "A page was not stored; its fields are still open and come again";
  return `${which(sent, here)}${what}: ${problem.message}`;
}

// Puts the strikes of a page that was refused as they were before it was sent, in its own group: it comes again with them.
export function giveBack(strikes, sent) {
  if (sent.url === "/wall/undo") for (const key of sent.body.struck) strikes.delete({ key }, sent.group);
  else for (const one of sent.body.struck) strikes.add(one, sent.group);
}
