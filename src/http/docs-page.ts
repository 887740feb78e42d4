import { errorTable } from '../base/errors.ts';

type Schema = {
  examples?: unknown[];
  properties?: Record<string, Schema>;
  type?: string | string[];
  description?: string;
  [member: string]: unknown;
};
type Media = { schema?: Schema; examples?: Record<string, { value: unknown }>; example?: unknown };
type Operation = {
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema; description?: string }[];
  requestBody?: { content: Record<string, Media> };
  responses?: Record<string, { content?: Record<string, Media> }>;
};
type OpenApi = {
  info: { title: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function layout(title: string, basePath: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)}</title><link rel="stylesheet" href="${basePath}/docs/style.css"></head><body>${body}</body></html>`;
}

function firstExample(media: Media | undefined): unknown {
  if (media === undefined) return undefined;
  return media.example ?? Object.values(media.examples ?? {})[0]?.value ?? media.schema?.examples?.[0];
}

function renderContent(title: string, content: Record<string, Media> | undefined): string {
  return Object.entries(content ?? {})
    .map(([type, media]) => {
      const example = firstExample(media);
      const shown = example === undefined ? media.schema : example;
      return `<h4>${escapeHtml(title)} <code>${escapeHtml(type)}</code></h4><pre>${escapeHtml(typeof shown === 'string' ? shown : JSON.stringify(shown, null, 2))}</pre>`;
    })
    .join('');
}

function renderParameters(operation: Operation): string {
  const parameters = operation.parameters ?? [];
  if (parameters.length === 0) return '';
  const rows = parameters.map((parameter) => {
    const kind = [parameter.schema?.type].flat().join(' or ');
    const about = parameter.description ?? parameter.schema?.description ?? '';
    return `<tr><td><code>${escapeHtml(parameter.name)}</code></td><td>${parameter.in}${parameter.required === true ? ', required' : ''}</td><td>${escapeHtml(kind)}</td><td>${escapeHtml(about)}</td></tr>`;
  });
  return `<table><thead><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function renderOperation(method: string, path: string, operation: Operation): string {
  const answers = Object.entries(operation.responses ?? {})
    .filter(([status]) => status !== 'default')
    .map(([status, response]) => renderContent(`Answer ${status}`, response.content))
    .join('');
  return `<details><summary><span class="method">${method.toUpperCase()}</span><code>${escapeHtml(path)}</code> — ${escapeHtml(operation.summary ?? '')}</summary>
<p>${escapeHtml(operation.description ?? '')}</p>${renderParameters(operation)}${renderContent('Request', operation.requestBody?.content)}${answers}</details>`;
}

/** The API as one page: routes by tag, each with its role, parameters and examples. */
export function renderDocs(document: OpenApi, basePath: string): string {
  const byTag = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'other';
      byTag.set(tag, [...(byTag.get(tag) ?? []), renderOperation(method, path, operation)]);
    }
  }
  const sections = [...byTag]
    .map(([tag, operations]) => `<h2>${escapeHtml(tag)}</h2>${operations.join('')}`)
    .join('');
  const intro = `<h1>${escapeHtml(document.info.title)}</h1><p>${escapeHtml(document.info.description ?? '')}</p>
<p>Send <code>Authorization: Bearer &lt;token&gt;</code>. Paths work with and without the trailing slash. Errors are
<a href="${basePath}/docs/errors">problems with a stable code</a>. The same as <a href="${basePath}/openapi.json">OpenAPI 3.1</a>.</p>`;
  return layout(document.info.title, basePath, intro + sections);
}

/** Every code an error can carry. */
export function renderErrors(basePath: string): string {
  const rows = Object.entries(errorTable).map(
    ([code, entry]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${entry.status}</td><td>${escapeHtml(entry.title)}</td></tr>`,
  );
  const body = `<h1>Errors</h1><p><a href="${basePath}/docs">The API</a></p><table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
  return layout('Tillstream errors', basePath, body);
}
