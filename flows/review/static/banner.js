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

// Shows sentences, or hides the line where there are none; `login` says how to come in again.
export function banner(sentences = [], login = false) {
  const words = sentences.map(sentence).filter(Boolean).join(" ");
  if (words + login === shown) return;
  shown = words + login;
  element.replaceChildren(words, ...(words && login ? loginWords() : []));
  element.hidden = !words;
}

export const offline = (message = "") => banner([message]);
