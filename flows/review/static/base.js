import { bind, showKeys } from "./keys.js";

bind([{ keys: ["?"], says: "Show these keys", run: showKeys }]);
document.getElementById("keys").addEventListener("keydown", (event) => {
  if (event.key !== "?") return;
  event.preventDefault();
  // The page would show them again at once.
  event.stopPropagation();
  document.getElementById("keys").close();
});
document.getElementById("show-keys")?.addEventListener("click", showKeys);
document.getElementById("keys-close").addEventListener("click", () => document.getElementById("keys").close());
