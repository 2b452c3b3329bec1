// Which texts do not stand out from their ground by WCAG 2.2, 1.4.3: as they are drawn, whatever style sheet said so.
() => {
  const parsed = (text) => {
    const found = text.match(/[\d.]+/g)?.map(Number) ?? [];
    if (text.startsWith('color(srgb')) return [...found.slice(0, 3).map((one) => 255 * one), found[3] ?? 1];
    return [found[0] ?? 0, found[1] ?? 0, found[2] ?? 0, found[3] ?? 1];
  };
  const over = (front, back) => [0, 1, 2].map((at) => front[at] * front[3] + back[at] * (1 - front[3]));
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (one) => {
    const layers = [];
    for (let each = one; each; each = each.parentElement) layers.unshift(parsed(getComputedStyle(each).backgroundColor));
    return layers.reduce((back, front) => over(front, back), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const one = node.parentElement;
    if (!node.data.trim() || one.closest('svg, option, script, :disabled, .visually-hidden, .skip') || !one.checkVisibility({ checkVisibilityCSS: true })) continue;
    const style = getComputedStyle(one);
    const back = ground(one);
    const lights = [luminance(over(parsed(style.color), back)), luminance(back)].sort((a, b) => b - a);
    const ratio = (lights[0] + 0.05) / (lights[1] + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) found.push(`${ratio.toFixed(2)}: ${node.data.trim().slice(0, 60)} (${one.className || one.tagName}, ${style.color} on ${back.map(Math.round)})`);
  }
  for (const one of document.querySelectorAll('input[placeholder]')) {
    if (!one.checkVisibility()) continue;
    const back = ground(one);
    const lights = [luminance(over(parsed(getComputedStyle(one, '::placeholder').color), back)), luminance(back)].sort((a, b) => b - a);
    if (one.placeholder && (lights[0] + 0.05) / (lights[1] + 0.05) < 4.5) found.push(`placeholder: ${one.placeholder}`);
  }
  return found;
}
