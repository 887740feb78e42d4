import { CodedError, type Problem } from '../base/errors.ts';
import { epochDay, parseTimestamp } from '../base/time.ts';
import type { Ask } from './report-schemas.ts';

/** So that a report reads bounded figures. */
const maximumDays = 366;

/** Whether a text is a day of the calendar, `2024-01-31`. */
function isDay(text: string): boolean {
  return /^[1-9]\d{3}-\d\d-\d\d$/.test(text) && parseTimestamp(`${text}T00:00:00`) !== null;
}

function refuse(errors: Problem[]): never {
  const text = errors.map((one) => `${one.pointer} ${one.message}`).join('; ');
  throw new CodedError('invalid_parameters', text, { errors });
}

const invalidDate = (pointer: string): Problem => ({
  pointer,
  code: 'invalid_date',
  message: 'is not a date such as 2024-01-31',
});

/** The period asked for, of one day or of several. Error `invalid_parameters`, naming everything wrong. */
export function readPeriod(ask: Ask): { from: string; to: string } {
  if (ask.date !== undefined) {
    if (ask.from !== undefined || ask.to !== undefined) {
      const message = 'is for one day; give either date, or from and to';
      refuse([{ pointer: '/body/date', code: 'ambiguous', message }]);
    }
    if (!isDay(ask.date)) refuse([invalidDate('/body/date')]);
    return { from: ask.date, to: ask.date };
  }
  const { from, to } = ask;
  const missing = (['from', 'to'] as const).filter((name) => ask[name] === undefined);
  if (from === undefined || to === undefined)
    refuse(
      missing.map((name) => ({
        pointer: `/body/${name}`,
        code: 'missing',
        message: 'is required where no date is given',
      })),
    );
  const wrong = (['from', 'to'] as const).filter((name) => !isDay(ask[name]!));
  if (wrong.length > 0) refuse(wrong.map((name) => invalidDate(`/body/${name}`)));
  if (from > to) refuse([{ pointer: '/body/from', code: 'out_of_range', message: 'is after to' }]);
  if (epochDay(to) - epochDay(from) >= maximumDays) {
    const message = `is more than ${maximumDays} days; ask for a shorter period`;
    refuse([{ pointer: '/body/to', code: 'out_of_range', message }]);
  }
  return { from, to };
}

/** A day, also as the answers give it: midnight UTC. */
export function readDate(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const day = /^(.{10})(?:T00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:00))?$/.exec(text)?.[1];
  if (day === undefined || !isDay(day)) refuse([invalidDate('/query/date')]);
  return day;
}
