import type { ModelFailure, ModelText } from './ask-model.ts';

/** As much of a chat completion, or of a chunk of one, as is read here. */
type Completion = {
  choices?: {
    delta?: { content?: string | null; refusal?: string | null };
    message?: { content?: string | null; refusal?: string | null };
    finish_reason?: string | null;
  }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  error?: unknown;
};

type Gathered = {
  text: string;
  refused: boolean;
  finish: string | undefined;
  failed: boolean;
  promptTokens: number | null;
  completionTokens: number | null;
};

/** Far more than a report; what has more is no report. */
const maximumCharacters = 30_000;
const maximumLineCharacters = 1_000_000;

/** The text of a streamed answer, or of one that came as a whole although a stream was asked for. */
export async function readAnswer(response: Response): Promise<ModelText | ModelFailure> {
  const gathered: Gathered = {
    ...{ text: '', refused: false, finish: undefined, failed: false },
    ...{ promptTokens: null, completionTokens: null },
  };
  const isStream = /^text\/event-stream/i.test(response.headers.get('content-type') ?? '');
  if (isStream) await gatherStream(response, gathered);
  else gather(await response.text(), gathered);
  if (gathered.failed) return { failed: 'model_error' };
  if (gathered.refused || gathered.finish === 'content_filter') return { failed: 'refused' };
  // An answer that was cut says no reason for its end; one that met its own limit says that.
  if (gathered.finish !== 'stop') return { failed: 'truncated' };
  if (gathered.text.trim() === '') return { failed: 'refused' };
  const { promptTokens, completionTokens } = gathered;
  return { text: `${gathered.text.trim()}\n`, promptTokens, completionTokens };
}

/** Server-sent events: a line `data:` each, and `[DONE]` at the end. */
async function gatherStream(response: Response, gathered: Gathered): Promise<void> {
  if (response.body === null) return;
  let line = '';
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (line + piece).split(/\r\n|\n|\r/);
    line = lines.pop()!;
    for (const one of lines) readLine(one, gathered);
    if (gathered.text.length > maximumCharacters || line.length > maximumLineCharacters)
      gathered.failed = true;
    if (gathered.failed) return;
  }
  readLine(line, gathered);
}

function readLine(line: string, gathered: Gathered): void {
  const data = /^data: ?(.*)$/.exec(line)?.[1];
  // Some endpoints end here without a reason.
  if (data === '[DONE]') gathered.finish ??= 'stop';
  else if (data !== undefined) gather(data, gathered);
}

function gather(json: string, gathered: Gathered): void {
  let completion: Completion;
  try {
    completion = JSON.parse(json) as Completion;
  } catch {
    // The last line of a stream that was cut: there is no reason for its end either.
    return;
  }
  if (completion === null || typeof completion !== 'object' || completion.error !== undefined) {
    gathered.failed = true;
    return;
  }
  const choice = completion.choices?.[0];
  const part = choice?.delta ?? choice?.message;
  if (typeof part?.content === 'string') gathered.text += part.content;
  if (part?.refusal) gathered.refused = true;
  gathered.finish = choice?.finish_reason ?? gathered.finish;
  const { prompt_tokens: prompt, completion_tokens: tokens } = completion.usage ?? {};
  if (Number.isSafeInteger(prompt)) gathered.promptTokens = prompt!;
  if (Number.isSafeInteger(tokens)) gathered.completionTokens = tokens!;
}
