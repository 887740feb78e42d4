import { setImmediate as untilFree } from 'node:timers/promises';
import type { Queryable } from '../base/db.ts';
import { type CheckedRule, type RuleFamily, ruleFamily } from './alert-rule.ts';
import { findDifferences, judgeAudits } from './count-differences.ts';
import { figureWindows, windowEnd } from './figure-windows.ts';
import { findRefunds, judgeRefunds } from './find-refunds.ts';
import { judgeFigures, type Subject } from './judge-figures.ts';
import { judgeSilence, needSilence } from './judge-silence.ts';
import { type Judgement, targetOf } from './judgement.ts';
import { windowUpToNow } from './local-time.ts';
import { type FactsDeps, type PlaceFacts, readPlaceFacts } from './place-facts.ts';
import { needQuietDay, quietFactors } from './quiet-day.ts';
import { NeededSpans, readSegments, type Segments } from './segments.ts';

/** Seconds that the stream and the fold are behind. */
export type Lag = { streamSeconds: number; foldSeconds: number };

export type EvaluationOptions = {
  /** Before, nobody was there to hear anything, so nothing was silent. */
  watchedSinceMs?: number;
  /** Where it is left out, as for times that are past, rules about it say nothing. */
  lag?: Lag;
};

/** What the rules say at one time, in their order. */
export type Moment<R extends CheckedRule> = { atMs: number; said: Map<R, Judgement[]> };

const isOfFigures = ({ kind, metric }: CheckedRule) =>
  kind === 'threshold' || kind === 'change' || metric === 'refund_rate';

/**
 * What rules say at some times, be it the one of this minute or every five minutes of a month: the same statements
 * and the same judgement for both, a few statements for all rules and places. Times in milliseconds, ascending, ends
 * of five minutes.
 */
export async function evaluateRules<R extends CheckedRule>(
  client: Queryable,
  deps: FactsDeps,
  rules: readonly R[],
  timesMs: readonly number[],
  options: EvaluationOptions = {},
): Promise<{ moments: Moment<R>[]; places: PlaceFacts[] }> {
  if (timesMs.length === 0 || rules.length === 0) return { moments: [], places: [] };
  const named = [...new Set(rules.flatMap(({ place_id }) => place_id ?? []))];
  const places = await readPlaceFacts(client, deps, { atMs: timesMs.at(-1)!, named });
  const moments = timesMs.map((atMs) => ({ atMs, said: new Map<R, Judgement[]>() }));
  const context: Context<R> = { client, deps, places, moments };
  const of = (pick: (rule: R) => boolean) => rules.filter(pick);
  for (const family of ['whole', 'category', 'product'] as const)
    await sayFigures(
      context,
      of((rule) => isOfFigures(rule) && ruleFamily(rule) === family),
      family,
    );
  await saySilence(
    context,
    of(({ kind }) => kind === 'silence'),
    options.watchedSinceMs ?? Number.NEGATIVE_INFINITY,
  );
  await sayRefunds(
    context,
    of(({ metric }) => metric === 'refund_amount'),
  );
  await sayAudits(
    context,
    of(({ kind }) => kind === 'audit'),
  );
  for (const rule of of(({ kind }) => kind === 'lag'))
    for (const moment of moments)
      if (options.lag !== undefined) moment.said.set(rule, [judgeLag(rule, options.lag, moment.atMs)]);
  return { moments, places };
}

type Context<R extends CheckedRule> = {
  client: Queryable;
  deps: FactsDeps;
  places: PlaceFacts[];
  moments: Moment<R>[];
};

/** Whom a rule is about: the place it names, each that is not closed, or all together. */
function subjectsOf(rule: CheckedRule, places: readonly PlaceFacts[], deps: FactsDeps): Subject[] {
  if (rule.all_places) return [{ place: undefined, places, zone: deps.defaultTimeZone, dayStartMinutes: 0 }];
  return watchedPlaces(rule, places).map((place) => ({ place, places: [place], ...wallOf(place) }));
}

const wallOf = ({ zone, dayStartMinutes }: PlaceFacts) => ({ zone, dayStartMinutes });

function watchedPlaces(rule: CheckedRule, places: readonly PlaceFacts[]): PlaceFacts[] {
  return places.filter((place) =>
    rule.place_id === null ? place.isActive : place.placeId === rule.place_id,
  );
}

const isCompared = (rule: CheckedRule) => rule.kind === 'change' && !rule.all_places;

/** One statement a family; for what is compared with past weeks also that of the days it is put into. */
async function sayFigures<R extends CheckedRule>(
  { client, deps, places, moments }: Context<R>,
  rules: readonly R[],
  family: RuleFamily,
): Promise<void> {
  if (rules.length === 0) return;
  const active = places.filter(({ isActive }) => isActive);
  const needed = new NeededSpans();
  const neededDays = family === 'whole' ? needed : new NeededSpans();
  type Visit = (rule: R, subjects: Subject[], endMs: number, moment: Moment<R>, isSame: boolean) => void;
  const walk = async (visit: Visit) => {
    const breathe = createBreath();
    for (const rule of rules) {
      const byWall = Map.groupBy(
        subjectsOf(rule, places, deps),
        ({ zone, dayStartMinutes }) => `${zone} ${dayStartMinutes}`,
      );
      for (const subjects of byWall.values()) {
        let lastEnd = Number.NaN;
        for (const moment of moments) {
          const endMs = windowEnd(family, subjects[0]!, moment.atMs);
          visit(rule, subjects, endMs, moment, endMs === lastEnd);
          lastEnd = endMs;
          await breathe();
        }
      }
    }
  };
  await walk((rule, [subject], endMs, _, isSame) => {
    if (isSame) return;
    const { current, past, pastHeads, pastTails, shown } = figureWindows(rule, subject!, endMs);
    for (const span of [current, ...past, ...pastHeads, ...pastTails]) needed.add(span);
    if (isCompared(rule)) needQuietDay(neededDays, active, shown, rule.weeks);
  });
  const items =
    family === 'whole' ? {} : { items: rules.flatMap((one) => one.product_id ?? one.category ?? []) };
  const asked = { ...(rules.some(isCompared) ? {} : placesOf(rules)), ...items };
  const segments = await readSegments(client, needed, { family, byArrival: false, ...asked });
  const days =
    family === 'whole' || neededDays.isEmpty
      ? segments
      : await readSegments(client, neededDays, { family: 'whole', byArrival: false });
  const quiet = rememberQuiet(days, active, ({ firstSaleMs }) => firstSaleMs);
  let judged: Judgement[] = [];
  await walk((rule, subjects, endMs, moment, isSame) => {
    const { atMs } = moment;
    const { shown } = figureWindows(rule, subjects[0]!, endMs);
    const factor = isCompared(rule) ? quiet(shown, rule.weeks) : () => 1;
    const judge = (subject: Subject) => {
      const own = subject.place === undefined ? 1 : factor(subject.place.placeId);
      return judgeFigures(rule, { segments, subject, atMs, endMs, quiet: own });
    };
    // The same hour or day says the same as five minutes ago.
    judged = isSame ? judged.map((one) => ({ ...one, atMs })) : subjects.flatMap(judge);
    moment.said.set(rule, [...(moment.said.get(rule) ?? []), ...judged]);
  });
}

const longestBreathMs = 20;

/** A month of judgements takes seconds, in which others are answered too. */
function createBreath(): () => Promise<void> | undefined {
  let started = performance.now();
  return () => {
    if (performance.now() - started < longestBreathMs) return undefined;
    return untilFree().then(() => {
      started = performance.now();
    });
  };
}

/** Undefined where some rule is about every place. */
function placesOf(rules: readonly CheckedRule[]): { places?: string[] } {
  return rules.every(({ place_id }) => place_id !== null)
    ? { places: rules.map(({ place_id }) => place_id!) }
    : {};
}

/** Of a window and its weeks the factors are the same for all rules. */
function rememberQuiet(
  segments: Segments,
  active: readonly PlaceFacts[],
  firstMsOf: (place: PlaceFacts) => number | undefined,
) {
  const known = new Map<string, (placeId: string) => number>();
  return (window: readonly [number, number], weeks: number) => {
    const key = `${window[0]} ${window[1]} ${weeks}`;
    let factor = known.get(key);
    if (factor === undefined) {
      factor = quietFactors(segments, active, window, { weeks, firstMsOf });
      known.set(key, factor);
    }
    return factor;
  };
}

async function saySilence<R extends CheckedRule>(
  { client, places, moments }: Context<R>,
  rules: readonly R[],
  watchedSinceMs: number,
): Promise<void> {
  if (rules.length === 0) return;
  const active = places.filter(({ isActive }) => isActive);
  const needed = new NeededSpans();
  const breathe = createBreath();
  const windowOf = (rule: R, atMs: number) => [atMs - rule.window_minutes * 60_000, atMs] as const;
  for (const rule of rules)
    for (const { atMs } of moments) {
      await breathe();
      needSilence(needed, rule, watchedPlaces(rule, places), atMs);
      needQuietDay(needed, active, windowOf(rule, atMs), rule.weeks);
    }
  const segments = await readSegments(client, needed, { family: 'whole', byArrival: true });
  const quiet = rememberQuiet(segments, active, ({ firstArrivalMs }) => firstArrivalMs);
  for (const rule of rules)
    for (const { atMs, said } of moments) {
      await breathe();
      const factor = quiet(windowOf(rule, atMs), rule.weeks);
      const judge = (place: PlaceFacts) =>
        judgeSilence(rule, { segments, place, atMs, quiet: factor(place.placeId), watchedSinceMs });
      said.set(rule, watchedPlaces(rule, places).map(judge));
    }
}

async function sayRefunds<R extends CheckedRule>(
  { client, moments }: Context<R>,
  rules: readonly R[],
): Promise<void> {
  if (rules.length === 0) return;
  const found = await findRefunds(client, {
    ...spanOf(rules, moments),
    above: Math.min(...rules.map(({ above }) => above!)),
    places: placesOf(rules).places ?? null,
  });
  for (const rule of rules)
    for (const { atMs, said } of moments) said.set(rule, judgeRefunds(rule, found, atMs));
}

async function sayAudits<R extends CheckedRule>(
  { client, moments }: Context<R>,
  rules: readonly R[],
): Promise<void> {
  if (rules.length === 0) return;
  const found = await findDifferences(client, spanOf(rules, moments));
  for (const rule of rules)
    for (const { atMs, said } of moments) said.set(rule, [judgeAudits(rule, found, atMs)]);
}

/** From the first window to the last. */
function spanOf<R extends CheckedRule>(
  rules: readonly R[],
  moments: readonly Moment<R>[],
): { fromMs: number; toMs: number } {
  const froms = rules.map((rule) => windowUpToNow(rule, moments[0]!.atMs)[0]);
  return { fromMs: Math.min(...froms), toMs: windowUpToNow(rules[0]!, moments.at(-1)!.atMs)[1] };
}

function judgeLag(rule: CheckedRule, { streamSeconds, foldSeconds }: Lag, atMs: number): Judgement {
  const seconds = { stream_lag: streamSeconds, fold_lag: foldSeconds }[rule.metric as string];
  const value = Math.round(seconds ?? Math.max(streamSeconds, foldSeconds));
  return {
    ...{ target: targetOf('lag'), placeId: null, currency: null, atMs, isOver: value > rule.above! },
    ...{ value, baseline: null, lower: null, upper: rule.above, windowFromMs: atMs - value * 1000 },
    windowToMs: atMs,
  };
}
