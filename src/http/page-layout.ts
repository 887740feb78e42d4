export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A whole page; `body` is HTML already. It asks no other host for anything and runs no script. */
export function pageLayout(title: string, basePath: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)}</title><link rel="stylesheet" href="${basePath}/docs/style.css"></head><body>${body}</body></html>`;
}

export const pageStyle = `:root{color-scheme:light dark;--line:light-dark(#d5d9e0,#3a3f4a);--soft:light-dark(#f5f6f8,#1d2027);--accent:light-dark(#0b57d0,#8ab4f8)}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
a{color:var(--accent)}h1{margin-bottom:.25rem}h2{margin:2rem 0 .5rem;text-transform:capitalize}h4{margin:1rem 0 .25rem}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;background:var(--soft);border-radius:.5rem}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem}
details{border:1px solid var(--line);border-radius:.5rem;margin:.5rem 0;padding:.5rem .75rem}
details details{border:0;padding:0;margin:.25rem 0}summary{cursor:pointer}
.method{display:inline-block;min-width:4.5rem;font-weight:700}.post,.put{color:var(--accent)}.delete{color:light-dark(#b3261e,#f2b8b5)}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:target{background:var(--soft)}`;
