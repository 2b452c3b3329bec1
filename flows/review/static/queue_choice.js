// Which fields are asked for, in which order: what the form above the field says, and the address of the page.

import { show } from "./address.js";

const NAMES = ["order", "reason", "template", "field", "text"];

const choice = document.getElementById("choice");

export function wanted() {
  const given = new FormData(choice);
  return Object.fromEntries(NAMES.map((name) => [name, (given.get(name) ?? "").trim()]));
}

export function isNarrowed() {
  const { order, ...filters } = wanted();
  return Object.values(filters).some(Boolean);
}

export function fromAddress() {
  const asked = new URLSearchParams(location.search);
  for (const name of NAMES) {
    const control = choice.elements[name];
    const value = asked.get(name) ?? "";
    if (control.tagName === "SELECT" && ![...control.options].some((one) => one.value === value)) control.selectedIndex = 0;
    else control.value = value.slice(0, 200);
  }
  narrowFields();
}

export function toAddress() {
  const address = new URL(location.href);
  address.search = "";
  for (const [name, value] of Object.entries(wanted())) if (value && value !== "sheets") address.searchParams.set(name, value);
  show(address);
  document.getElementById("clear").hidden = !isNarrowed();
}

export function narrowFields() {
  const template = choice.elements.template.value;
  for (const option of choice.elements.field.options) {
    option.hidden = Boolean(option.value && template && !option.dataset.templates.split(" ").includes(template));
  }
}
