// What may surely be typed for a field, so that right input passes without asking the server.

// Returns the value as the field surely takes it, null if that has to be asked.
export function surely(field, text) {
  const plain = text.trim().replace(",", ".").replace(/[−–—]/g, "-");
  if (field.allowed.includes(plain)) return plain;
  const same = field.allowed.filter((one) => one.toLowerCase() === plain.toLowerCase());
  if (same.length === 1) return same[0];
  if (field.pattern && new RegExp(`^(?:${field.pattern})$`).test(plain)) return plain;
  return null;
}
