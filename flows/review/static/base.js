import { bind, showKeys } from "./keys.js";

bind([{ keys: ["?"], says: "Show these keys", run: showKeys }]);
document.getElementById("show-keys")?.addEventListener("click", showKeys);
document.getElementById("keys-close").addEventListener("click", () => document.getElementById("keys").close());
