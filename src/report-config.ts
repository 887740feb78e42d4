/** How reports are written, and by whom. */
export type ReportConfig = {
  /** A model behind an OpenAI-compatible endpoint; without it the program writes reports by itself. */
  llm: LlmConfig | undefined;
  /** Of reports that name none. */
  reportLanguage: 'ru' | 'en';
  /** The time of day, `HH:MM` in the default zone, at which yesterday's report is asked for. */
  reportSchedule: string | undefined;
};

export type LlmConfig = {
  /** Without a slash at its end: `https://api.openai.com/v1`. */
  baseUrl: string;
  model: string;
  /** Endpoints of one's own may need none. */
  apiKey: string | undefined;
  /** For one answer, from the question to its last word. */
  timeoutMs: number;
};

type Environment = Record<string, string | undefined>;
type Readers = {
  env: Environment;
  report: (name: string, message: string) => undefined;
  integer: (name: string, fallback: number, low: number, high: number) => number;
  oneOf: (name: string, fallback: string, choices: readonly string[]) => string;
};

const usualBaseUrl = 'https://api.openai.com/v1';

export function readReportConfig(readers: Readers): ReportConfig {
  return {
    llm: readLlm(readers),
    reportLanguage: readers.oneOf('REPORT_LANGUAGE', 'ru', ['ru', 'en']) as 'ru' | 'en',
    reportSchedule: readSchedule(readers),
  };
}

/** The values may be secrets, so they are not repeated. */
function readLlm({ env, report, integer }: Readers): LlmConfig | undefined {
  const timeoutMs = integer('LLM_TIMEOUT_MS', 120_000, 1_000, 3_600_000);
  const apiKey = env.LLM_API_KEY || undefined;
  const model = env.LLM_MODEL || undefined;
  if (model === undefined) {
    const given = ['LLM_BASE_URL', 'LLM_API_KEY'].find((name) => env[name]);
    return given === undefined ? undefined : report('LLM_MODEL', `is missing beside ${given}; name a model`);
  }
  if (apiKey === undefined && !env.LLM_BASE_URL)
    return report('LLM_MODEL', 'is set, but neither LLM_API_KEY nor LLM_BASE_URL; give one of them');
  const baseUrl = (env.LLM_BASE_URL || usualBaseUrl).replace(/\/+$/, '');
  if (!/^https?:\/\//.test(baseUrl) || !URL.canParse(baseUrl))
    return report('LLM_BASE_URL', `is not an address such as ${usualBaseUrl}`);
  // It would stand in a header, which takes nothing else.
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey))
    return report('LLM_API_KEY', 'has a space or a character that is not ASCII; give it as it was issued');
  return { baseUrl, model, apiKey, timeoutMs };
}

function readSchedule({ env, report }: Readers): string | undefined {
  const text = env.REPORT_SCHEDULE?.toLowerCase();
  if (text === undefined || text === '' || text === 'off') return undefined;
  if (/^([01]\d|2[0-3]):[0-5]\d$/.test(text)) return text;
  return report('REPORT_SCHEDULE', `is "${text}"; give a time of day such as 06:00, or off`);
}
