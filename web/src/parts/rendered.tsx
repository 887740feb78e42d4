import { createElement, type ReactNode, useMemo } from 'react';
import type { Language } from '../words.ts';

/** What may stand in a text; a page has its own first heading, so those of the text come below it. */
const shown: Record<string, string> = {
  ...{ H1: 'h2', H2: 'h2', H3: 'h3', H4: 'h4', P: 'p', UL: 'ul', OL: 'ol', LI: 'li', HR: 'hr', BR: 'br' },
  ...{ STRONG: 'strong', EM: 'em', CODE: 'code', TABLE: 'table', THEAD: 'thead', TBODY: 'tbody' },
  ...{ TR: 'tr', TH: 'th', TD: 'td' },
};
const empty = ['hr', 'br'];

/** HTML that the program wrote, element by element: whatever else it holds is shown as text or not at all. */
export function Rendered({ html, language }: { html: string; language: Language }) {
  const content = useMemo(() => {
    // The page that the program makes of a text brings a style of its own, which this page's policy refuses.
    const { body } = new DOMParser().parseFromString(html.replace(/<style>.*?<\/style>/s, ''), 'text/html');
    return [...body.childNodes].map(render);
  }, [html]);
  return (
    <div className="report-text" lang={language}>
      {content}
    </div>
  );
}

function render(node: ChildNode, index: number): ReactNode {
  if (node.nodeType === Node.TEXT_NODE) return isBetween(node) ? null : node.textContent;
  if (!(node instanceof Element)) return null;
  const tag = shown[node.tagName];
  if (tag === undefined) return node.textContent;
  if (empty.includes(tag)) return createElement(tag, { key: index });
  const isRight = node.classList.contains('right');
  const children = [...node.childNodes].map(render);
  const element = createElement(
    tag,
    { key: index, ...(isRight ? { className: 'right' } : {}), ...(tag === 'th' ? { scope: 'col' } : {}) },
    ...children,
  );
  if (tag !== 'table') return element;
  return createElement('div', { key: index, className: 'table-scroll', tabIndex: 0, role: 'group' }, element);
}

/** The line breaks between blocks, rows and cells, which a table may not hold. */
function isBetween({ textContent, parentElement }: ChildNode): boolean {
  return (
    textContent?.trim() === '' && /^(BODY|UL|OL|TABLE|THEAD|TBODY|TR)$/.test(parentElement?.tagName ?? 'BODY')
  );
}
