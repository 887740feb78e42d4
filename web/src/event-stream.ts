import { send } from './api.ts';

export type StreamEvent = { name: string; id: string; data: string };

const firstDelayMs = 500;
const longestDelayMs = 10_000;
/** A comment comes every five seconds; a connection that brings less is dead. */
const silentMs = 20_000;

/**
 * Server-sent events read with fetch, since EventSource sends no token. Connects again for ever, ever more slowly,
 * with the id of the last event, until `signal` is aborted.
 */
export async function followEvents(
  path: string,
  signal: AbortSignal,
  { onEvent, onOpen }: { onEvent: (event: StreamEvent) => void; onOpen: (open: boolean) => void },
): Promise<void> {
  let lastId: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const headers = {
        accept: 'text/event-stream',
        ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
      };
      const response = await send(path, { headers, signal });
      onOpen(true);
      failures = 0;
      for await (const event of readEvents(response.body!)) {
        lastId = event.id || lastId;
        onEvent(event);
      }
    } catch {
      // Told to the reader by what is shown when the connection is lost.
    }
    if (signal.aborted) return;
    onOpen(false);
    await pause(Math.min(longestDelayMs, firstDelayMs * 2 ** failures), signal);
    failures += 1;
  }
}

async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let rest = '';
  try {
    while (true) {
      const { done, value } = await beforeSilence(reader.read());
      if (done) return;
      const parts = (rest + value).split(/\r?\n\r?\n/);
      rest = parts.pop()!;
      for (const part of parts) {
        const event = readEvent(part);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

async function beforeSilence<T>(read: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the stream fell silent')), silentMs);
  });
  try {
    return await Promise.race([read, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Undefined for a comment. */
function readEvent(text: string): StreamEvent | undefined {
  const event = { name: 'message', id: '', data: '' };
  const data: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const match = /^(event|id|data): ?(.*)$/.exec(line);
    if (match?.[1] === 'event') event.name = match[2]!;
    else if (match?.[1] === 'id') event.id = match[2]!;
    else if (match?.[1] === 'data') data.push(match[2]!);
  }
  return data.length === 0 ? undefined : { ...event, data: data.join('\n') };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
