import { errorTable } from '../base/errors.ts';
import { errorAdvice } from './error-advice.ts';
import type { ApiDocument, Media, Operation } from './openapi.ts';
import { escapeHtml, pageLayout } from './page-layout.ts';
import { renderSchema, renderTable, typeText } from './render-schema.ts';

function firstExample(media: Media): unknown {
  return media.example ?? Object.values(media.examples ?? {})[0]?.value ?? media.schema?.examples?.[0];
}

function renderContent(title: string, content: Record<string, Media> | undefined): string {
  return Object.entries(content ?? {})
    .map(([type, media]) => {
      const example = firstExample(media);
      const text = typeof example === 'string' ? example : JSON.stringify(example, null, 2);
      const members = renderSchema(media.schema);
      return [
        `<h4>${escapeHtml(title)} <code>${escapeHtml(type)}</code></h4>`,
        example === undefined ? '' : `<pre>${escapeHtml(text)}</pre>`,
        members === '' ? '' : `<details><summary>Members</summary>${members}</details>`,
      ].join('');
    })
    .join('');
}

function renderParameters({ parameters = [] }: Operation): string {
  if (parameters.length === 0) return '';
  const rows = parameters.map((parameter) => [
    `<code>${escapeHtml(parameter.name)}</code>`,
    parameter.required === true ? `${parameter.in}, required` : parameter.in,
    escapeHtml(typeText(parameter.schema)),
    escapeHtml(parameter.description ?? parameter.schema?.description ?? ''),
  ]);
  return renderTable(['Parameter', 'In', 'Type', ''], rows);
}

function renderProblems(operation: Operation, basePath: string): string {
  const codes = Object.values(operation.responses ?? {}).flatMap(({ $ref }) => $ref?.split('/').at(-1) ?? []);
  if (codes.length === 0) return '';
  const links = codes.map((code) => `<a href="${basePath}/docs/errors#${code}"><code>${code}</code></a>`);
  return `<p>Problems every route can answer: ${links.join(', ')}.</p>`;
}

function renderOperation(method: string, path: string, operation: Operation, basePath: string): string {
  const answers = Object.entries(operation.responses ?? {})
    .map(([status, response]) => renderContent(`Answer ${status}`, response.content))
    .join('');
  return `<details id="${escapeHtml(operation.operationId ?? '')}"><summary><span class="method ${method}">${method.toUpperCase()}</span><code>${escapeHtml(path)}</code> — ${escapeHtml(operation.summary ?? '')}</summary>
<p>${escapeHtml(operation.description ?? '')}</p>${renderParameters(operation)}${renderContent('Request', operation.requestBody?.content)}${answers}${renderProblems(operation, basePath)}</details>`;
}

/** The API as one page: routes by tag, each with its role, parameters, members and examples. */
export function renderDocs(document: ApiDocument, basePath: string): string {
  const byTag = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'other';
      byTag.set(tag, [...(byTag.get(tag) ?? []), renderOperation(method, path, operation, basePath)]);
    }
  }
  const tags = [...byTag.keys()].map((tag) => `<a href="#${escapeHtml(tag)}">${escapeHtml(tag)}</a>`);
  const sections = [...byTag].map(
    ([tag, operations]) => `<h2 id="${escapeHtml(tag)}">${escapeHtml(tag)}</h2>${operations.join('')}`,
  );
  const intro = `<h1>${escapeHtml(document.info.title)}</h1><p>${escapeHtml(document.info.description ?? '')}</p>
<p>Send <code>Authorization: Bearer &lt;token&gt;</code>. Paths work with and without the trailing slash. Errors are
<a href="${basePath}/docs/errors">problems with a stable code</a>. The same as <a href="${basePath}/openapi.json">OpenAPI 3.1</a>.</p>
<nav>${tags.join('')}</nav>`;
  return pageLayout(document.info.title, basePath, intro + sections.join(''));
}

/** Every code an error can carry, and what to do about it. */
export function renderErrors(basePath: string): string {
  const rows = Object.entries(errorTable).map(([code, entry]) => {
    const advice = errorAdvice[code as keyof typeof errorTable] ?? '';
    return `<tr id="${code}"><td><code>${code}</code></td><td>${entry.status}</td><td>${escapeHtml(entry.title)}</td><td>${escapeHtml(advice)}</td></tr>`;
  });
  const body = `<h1>Errors</h1><p>Every error is <code>application/problem+json</code> (RFC 9457) with one of these codes. <a href="${basePath}/docs">The API</a></p>
<div class="table"><table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th><th>What to do</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
  return pageLayout('Tillstream errors', basePath, body);
}
