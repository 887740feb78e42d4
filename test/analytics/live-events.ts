/** One server-sent event; `data` is parsed. */
export type LiveEvent = { event: string; id: string; data: { at: string; places: any[] } };

export type LiveReader = {
  headers: Headers;
  status: number;
  events: LiveEvent[];
  /** What the events add up to, by place and currency. */
  places: Map<string, any>;
  /** Resolves once what was told so far fits. */
  until(fits: (reader: LiveReader) => boolean): Promise<void>;
  /** Resolves when the stream has ended. */
  ended: Promise<void>;
  leave(): void;
};

const longestWaitMs = 60_000;

/** Reads a live feed as the dashboard does: with fetch and a header. */
export async function readLive(
  address: string,
  headers: Record<string, string>,
  path = '/api/stream',
): Promise<LiveReader> {
  const leaving = new AbortController();
  const response = await fetch(`${address}${path}`, { headers, signal: leaving.signal });
  const waiting = new Set<() => void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const reader: LiveReader = {
    headers: response.headers,
    status: response.status,
    events: [],
    places: new Map(),
    ended,
    leave: () => leaving.abort(),
    until: (fits) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`it did not come: ${JSON.stringify([...reader.places.values()])}`)),
          longestWaitMs,
        );
        const look = () => {
          if (!fits(reader)) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
  void follow(response, reader, () => {
    for (const look of waiting) look();
  }).finally(end);
  return reader;
}

async function follow(response: Response, reader: LiveReader, tell: () => void): Promise<void> {
  let text = '';
  try {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop()!;
      for (const block of blocks) take(block, reader);
      tell();
    }
  } catch {
    // Whoever leaves, or is cut off, has read what there was.
  }
}

function take(block: string, reader: LiveReader): void {
  const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2)));
  if (fields.event === undefined) return;
  const event: LiveEvent = { event: fields.event, id: fields.id, data: JSON.parse(fields.data) };
  if (event.event === 'today') reader.places.clear();
  for (const place of event.data.places) reader.places.set(`${place.place_id} ${place.currency}`, place);
  reader.events.push(event);
}
