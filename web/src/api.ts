import { markReachable, markUnreachable } from './connection.ts';
import { endSession, sessionStore } from './session.ts';

export const readyPath = '/readyz';

export type FieldProblem = { pointer: string; code: string; message: string };

/** What went wrong with a request: the program's problem+json, or that it could not be reached. */
export class ApiProblem extends Error {
  /** 0 where no answer came. */
  readonly status: number;
  /** One of docs/errors.md, or `unreachable`. */
  readonly code: string;
  readonly title: string;
  readonly errors: readonly FieldProblem[];
  /** All members of the problem, for pages that know more of them. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(status: number, members: Record<string, unknown>) {
    super(String(members.detail ?? members.title ?? status));
    this.name = 'ApiProblem';
    this.status = status;
    this.code = String(members.code ?? 'unknown');
    this.title = String(members.title ?? '');
    this.errors = Array.isArray(members.errors) ? (members.errors as FieldProblem[]) : [];
    this.members = members;
  }

  /** The same request may succeed in a moment. */
  get isTemporary(): boolean {
    return this.status === 0 || [429, 502, 503, 504].includes(this.status);
  }
}

export type QueryValue = string | number | boolean | readonly string[] | undefined;
export type RequestOptions = {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Members that are undefined or empty are left out. */
  query?: Readonly<Record<string, QueryValue>>;
  /** Sent as JSON; a Blob, File or text is sent as it is and needs its content type; a form brings its own. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
};

export function apiUrl(path: string, query: RequestOptions['query'] = {}): string {
  const url = new URL(path.replace(/^\//, ''), document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
  }
  return url.href;
}

/** The bare answer of the program with the reader's token; throws ApiProblem. Ends the session on 401. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const { method = 'GET', query, body, signal } = options;
  const token = sessionStore.get().token;
  const isRaw = body instanceof Blob || body instanceof FormData || typeof body === 'string';
  const headers: Record<string, string> = {
    accept: 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined || isRaw ? {} : { 'content-type': 'application/json' }),
    ...options.headers,
  };
  let response: Response;
  try {
    response = await fetch(apiUrl(path, query), {
      ...{ method, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' },
      ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    markUnreachable();
    throw new ApiProblem(0, { code: 'unreachable', detail: (error as Error).message });
  }
  // That it is not ready is what /readyz is asked for.
  if ([502, 503, 504].includes(response.status) && path !== readyPath) markUnreachable();
  else markReachable();
  if (response.ok) return response;
  const problem = await readProblem(response);
  if (response.status === 401 && token !== undefined && token === sessionStore.get().token)
    endSession('expired');
  throw problem;
}

async function readProblem(response: Response): Promise<ApiProblem> {
  const text = await response.text().catch(() => '');
  try {
    return new ApiProblem(response.status, JSON.parse(text) as Record<string, unknown>);
  } catch {
    return new ApiProblem(response.status, { detail: text.slice(0, 300) || response.statusText });
  }
}

/** The JSON of an answer; undefined where it has no body. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** Fetches a file with the reader's token and hands it to the browser to save. */
export async function download(path: string, fileName: string, options: RequestOptions): Promise<void> {
  saveBlob(await (await send(path, options)).blob(), fileName);
}

/** Hands something that is here already to the browser to save. */
export function saveBlob(blob: Blob, fileName: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = fileName;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
