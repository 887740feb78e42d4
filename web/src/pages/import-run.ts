import { ApiProblem, type FieldProblem, request } from '../api.ts';
import type { PostImportsPartsAnswer, PostImportsReferenceAnswer } from '../api-answers.ts';
import { sessionStore } from '../session.ts';
import { createStore } from '../store.ts';
import { formOf, type Question } from './import-file.ts';

export type Trouble = PostImportsPartsAnswer['troubles'][number];
export type RunState = {
  name: string;
  state: 'checking' | 'running' | 'waiting' | 'paused' | 'stopped' | 'finished' | 'failed';
  doneBytes: number;
  totalBytes: number;
  documents: number;
  verdicts: Record<string, number>;
  troubles: Trouble[];
  /** Milliseconds of work, pauses left out. */
  workedMs: number;
  startedAt: string;
  error?: unknown;
};

/** The import under way goes on while other pages are looked at; it ends with the tab. */
export const importStore = createStore<RunState | undefined>(undefined);

const firstPieceBytes = 256 * 1024;
const largestPieceBytes = 4 * 1024 * 1024;
const longestPieceBytes = 16 * 1024 * 1024;
const keptTroubles = 20_000;
/** The clock of the program may be behind that of the reader. */
const clockSlackMs = 60_000;
const waitsMs = [500, 1_000, 2_000, 5_000];

let abort = new AbortController();
let resume: (() => void) | undefined;
/** Where a stopped import goes on. */
let place: { question: Question; line: string | undefined; headBytes: number } | undefined;

function change(changes: Partial<RunState>): void {
  const now = importStore.get();
  if (now !== undefined) importStore.set({ ...now, ...changes });
}

const isStopped = () => abort.signal.aborted;
window.addEventListener('beforeunload', (event) => {
  if (['checking', 'running', 'waiting'].includes(importStore.get()?.state ?? '')) event.preventDefault();
});

// The next who signs in at this tab neither goes on with it nor sees it; one that expired goes on where it was.
sessionStore.subscribe(() => {
  if (sessionStore.get().ended !== 'signed_out' || importStore.get() === undefined) return;
  stopImport();
  forgetImport();
});

export function startImport(question: Question, headBytes: number): void {
  const { main } = question.chosen;
  place = { question, line: undefined, headBytes };
  importStore.set({
    ...{ name: main.name, state: 'checking', doneBytes: headBytes, totalBytes: main.blob.size },
    ...{
      documents: 0,
      verdicts: {},
      troubles: [],
      workedMs: 0,
      startedAt: new Date(Date.now() - clockSlackMs).toISOString(),
    },
  });
  void run(true);
}

export function pauseImport(): void {
  if (importStore.get()?.state === 'running') change({ state: 'paused' });
}

export function stopImport(): void {
  abort.abort();
  resume?.();
  change({ state: 'stopped' });
}

export function goOn(): void {
  const { state } = importStore.get() ?? {};
  if (state === 'paused') {
    change({ state: 'running' });
    resume?.();
  } else if (state === 'stopped' || state === 'failed') void run(importStore.get()!.documents === 0);
}

export function forgetImport(): void {
  importStore.set(undefined);
}

async function run(checkFirst: boolean): Promise<void> {
  abort = new AbortController();
  const { signal } = abort;
  try {
    change({ state: 'checking', error: undefined });
    if (checkFirst) await check(place!.question, signal);
    change({ state: 'running' });
    await sendParts(signal);
    if (!signal.aborted) change({ state: 'finished' });
  } catch (error) {
    if (!signal.aborted) change({ state: 'failed', error });
  }
}

/** Half of a receipt would be a wrong receipt, so the file is looked through before anything of it is sent. */
async function check({ chosen, mapping }: Question, signal: AbortSignal): Promise<void> {
  if (mapping?.group_by === undefined) return;
  const { group_by, encoding, delimiter } = mapping;
  await patiently(signal, () =>
    request('/api/imports/check', {
      method: 'POST',
      query: { group_by, encoding, delimiter },
      body: chosen.main.blob,
      headers: { 'content-type': 'text/csv' },
      signal,
    }),
  );
}

async function sendParts(signal: AbortSignal): Promise<void> {
  const { question, headBytes } = place!;
  const { blob } = question.chosen.main;
  let size = firstPieceBytes;
  for (;;) {
    const { doneBytes, state } = importStore.get()!;
    if (signal.aborted || (doneBytes >= blob.size && doneBytes > headBytes)) return;
    if (state === 'paused') {
      await new Promise<void>((resolve) => (resume = resolve));
      continue;
    }
    const end = Math.min(blob.size, doneBytes + size);
    const startedMs = performance.now();
    const part = new Blob([blob.slice(0, headBytes), blob.slice(doneBytes, end)]);
    const answer = await sendPart(question, part, end === blob.size, signal);
    if (answer === 'more') {
      size = Math.min(longestPieceBytes, size * 2);
      continue;
    }
    note(answer, answer.done_bytes - headBytes, performance.now() - startedMs);
    if (end === blob.size && answer.done_bytes >= part.size) return;
    const isFull = answer.done_bytes < part.size * 0.9;
    size = isFull
      ? Math.max(firstPieceBytes / 4, Math.round((answer.done_bytes - headBytes) * 1.05))
      : Math.min(largestPieceBytes, size * 2);
  }
}

async function sendPart(
  question: Question,
  part: Blob,
  isLast: boolean,
  signal: AbortSignal,
): Promise<PostImportsPartsAnswer | 'more'> {
  const body = formOf(question, part, isLast);
  if (place!.line !== undefined) body.append('line', place!.line);
  try {
    return await patiently(signal, () =>
      request<PostImportsPartsAnswer>('/api/imports/parts', { method: 'POST', body, signal }),
    );
  } catch (error) {
    const asksForMore = error instanceof ApiProblem && /send more at once/.test(error.message);
    if (asksForMore && part.size < longestPieceBytes) return 'more';
    throw error;
  }
}

function note(answer: PostImportsPartsAnswer, bytes: number, tookMs: number): void {
  const now = importStore.get()!;
  const verdicts = { ...now.verdicts };
  for (const [verdict, count] of Object.entries(answer.verdicts))
    verdicts[verdict] = (verdicts[verdict] ?? 0) + count;
  place!.line = String(answer.next_line);
  change({
    verdicts,
    doneBytes: now.doneBytes + bytes,
    documents: now.documents + answer.documents,
    troubles: [...now.troubles, ...answer.troubles].slice(0, keptTroubles),
    workedMs: now.workedMs + tookMs,
  });
}

/** Waits out a busy or restarting program: to send a part again doubles nothing. */
async function patiently<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      const done = await work();
      if (importStore.get()?.state === 'waiting') change({ state: 'running' });
      return done;
    } catch (error) {
      if (!(error instanceof ApiProblem) || !error.isTemporary || isStopped()) throw error;
      if (importStore.get()?.state === 'running') change({ state: 'waiting' });
      const waitMs = waitsMs[Math.min(failures, waitsMs.length - 1)]!;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      signal.throwIfAborted();
    }
  }
}

/** Users and restaurants go whole. */
export async function sendReference(blob: Blob): Promise<PostImportsReferenceAnswer> {
  return await request('/api/imports/reference', {
    ...{ method: 'POST', body: blob },
    headers: { 'content-type': 'application/x-ndjson' },
  });
}

/** One line for each problem, for a spreadsheet. */
export function troublesAsCsv(troubles: readonly Trouble[]): Blob {
  const cell = (value: string | number) => {
    const text = /^[=+\-@]/.test(String(value)) ? `'${value}` : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const line = (trouble: Trouble, { pointer, code, message }: FieldProblem) =>
    [trouble.line, trouble.transaction_id ?? '', trouble.verdict, trouble.position, pointer, code, message]
      .map(cell)
      .join(',');
  const head = 'line,transaction_id,verdict,journal_position,pointer,code,message';
  const none = { pointer: '', code: '', message: '' };
  const lines = troubles.flatMap((trouble) =>
    (trouble.errors.length === 0 ? [none] : trouble.errors).map((problem) => line(trouble, problem)),
  );
  return new Blob(['\ufeff', [head, ...lines].join('\r\n'), '\r\n'], { type: 'text/csv' });
}
