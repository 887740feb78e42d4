import { createHash } from 'node:crypto';
import { escapeHtml } from '../http/page-layout.ts';
import { renderMarkdown } from './render-markdown.ts';
import type { Language } from './report-facts.ts';

const style = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8884;text-align:left}.right{text-align:right;font-variant-numeric:tabular-nums}`;
const styleHash = createHash('sha256').update(style).digest('base64');

/** No script, no form, no other host, and an origin of its own: whatever the text holds, it is only shown. */
export const reportPageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox`,
} as const;

export function renderReportPage(title: string, language: Language, markdown: string): string {
  return `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body>${renderMarkdown(markdown)}</body></html>`;
}
