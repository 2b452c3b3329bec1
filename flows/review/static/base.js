import { bind, showKeys } from "./keys.js";

bind([{ keys: ["?"], says: "Show these keys", run: showKeys }]);
document.getElementById("keys").addEventListener("keydown", (event) => {
  if (event.key !== "?") return;
  event.preventDefault();
  document.getElementById("keys").close();
});
document.getElementById("show-keys")?.addEventListener("click", showKeys);
document.getElementById("keys-close").addEventListener("click", () => document.getElementById("keys").close());
