// What has the focus, and whether that can be seen (on a drawn page, its own outline shows it).
() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one);
  const outline = parseFloat(style.outlineWidth) > 1 && style.outlineStyle !== 'none';
  return { what: one.outerHTML.slice(0, 100), seen: outline || style.boxShadow !== 'none' || Boolean(one.closest('svg')) };
}
