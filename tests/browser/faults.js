// What is wrong with a page, as far as a script can tell: WCAG 2.2, 1.1.1, 1.3.1, 2.5.8, 3.1.1, 4.1.2.
() => {
  const shown = (one) => one.checkVisibility({ checkOpacity: false, checkVisibilityCSS: true });
  const nameOf = (one) => (one.getAttribute('aria-label') || one.getAttribute('title') || one.textContent
    || [...(one.labels ?? [])].map((label) => label.textContent).join(' ')
    || (one.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ')
    || one.querySelector('img')?.alt || '').trim();
  const found = [];
  for (const one of document.querySelectorAll('a[href], button, select, input, textarea, [role=button], progress, meter')) {
    if (shown(one) && !nameOf(one)) found.push(`no name: ${one.outerHTML.slice(0, 120)}`);
    if (['INPUT', 'SELECT', 'TEXTAREA'].includes(one.tagName) && shown(one) && !one.labels.length && !one.getAttribute('aria-label')) {
      found.push(`no label: ${one.outerHTML.slice(0, 120)}`);
    }
  }
  for (const one of document.querySelectorAll('img:not([alt])')) found.push(`no alt: ${one.outerHTML.slice(0, 120)}`);
  const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`twice: #${id}`);
  for (const name of ['aria-labelledby', 'aria-describedby', 'aria-controls']) {
    for (const one of document.querySelectorAll(`[${name}]`)) {
      for (const id of one.getAttribute(name).split(' ')) if (!document.getElementById(id)) found.push(`${name} of nothing: ${id}`);
    }
  }
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].filter(shown).map((one) => Number(one.tagName[1]));
  if (levels.filter((one) => one === 1).length > 1) found.push('more than one h1');
  levels.forEach((one, at) => { if (at && one > levels[at - 1] + 1) found.push(`h${levels[at - 1]} is followed by h${one}`); });
  for (const one of document.querySelectorAll('table')) {
    if (shown(one) && !one.querySelector('th[scope]')) found.push(`a table without headings: ${one.id}`);
  }
  if (!document.documentElement.lang) found.push('no language');
  if (!document.title) found.push('no title');
  if (!document.querySelector('main')) found.push('no main');
  const small = (one) => { const box = one.getBoundingClientRect(); return box.width < 24 || box.height < 24; };
  for (const one of document.querySelectorAll('button')) if (shown(one) && small(one)) found.push(`smaller than 24 px: ${one.outerHTML.slice(0, 120)}`);
  return found;
}
