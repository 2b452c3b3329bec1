// The line that says what is wrong with the connection. It lies over the foot of the page: nothing moves when it comes.

const element = document.getElementById("offline");
let shown = "";

// What is said stands in sentences, wherever its words come from.
export function sentence(words) {
  const said = words.trim();
  return !said || /[.!?…]$/.test(said) ? said : `${said}.`;
}

// Without an account nobody can log in again: a new one-time link, opened in this browser, does.
const WITHOUT_ACCOUNT = "in another window. Without an account, open a new one-time link in this browser: tallymark review prints one whenever it starts.";

function loginWords() {
  const link = document.createElement("a");
  link.href = "/login";
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = "Log in again";
  return [" ", link, ` ${WITHOUT_ACCOUNT}`];
}

let trouble = { words: "", login: false }; // of what is being saved: that waits, whatever else is answered meanwhile
let silence = ""; // of what was only asked for

function draw() {
  const { words, login } = trouble.words ? trouble : { words: silence, login: false };
  if (words + login === shown) return;
  shown = words + login;
  element.replaceChildren(words, ...(words && login ? loginWords() : []));
  element.hidden = !words;
}

// Says in sentences why something waits to be saved, or hides the line where there are none: all is well then. `login`
// says how to come in again.
export function banner(sentences = [], login = false) {
  trouble = { words: sentences.map(sentence).filter(Boolean).join(" "), login };
  if (!trouble.words) silence = "";
  draw();
}

// Says why an answer did not come, or that one came: that ends nothing of what waits to be saved.
export function offline(message = "") {
  silence = sentence(message);
  draw();
}
