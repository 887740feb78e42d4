import { averageMinor, currencyDigits } from '../base/money.ts';
import { type CheckedRule, isMoney, ruleFamily } from './alert-rule.ts';
import { type FigureWindows, figureWindows } from './figure-windows.ts';
import { type Judgement, type Parts, targetOf } from './judgement.ts';
import type { PlaceFacts } from './place-facts.ts';
import type { Figures, Segments, Span } from './segments.ts';
import { median, usualOf } from './statistics.ts';

/** What a judgement is about: one place, or all of them. */
export type Subject = {
  place: PlaceFacts | undefined;
  places: readonly PlaceFacts[];
  zone: string;
  dayStartMinutes: number;
};

const leastWeeks = 3;
/** Fewer usual receipts than this are chance. */
const leastReceipts = 10;
/** In standard deviations of a count; amounts of receipts differ, their average less so. */
const sumNoise = 1.2;
const averageNoise = 0.7;
const minutesOfDay = 24 * 60;

/** A figure as it is shown; an average or a rate of nothing is null. */
export function metricOf(
  figures: Figures,
  metric: CheckedRule['metric'],
  currency: string | null,
): number | null {
  const { sales, refunds, receipts } = figures;
  if (metric === 'refund_rate') {
    if (sales === 0) return refunds === 0 ? null : 100;
    return Math.round((refunds / sales) * 10_000) / 100;
  }
  const unit = 10 ** currencyDigits(currency ?? '');
  if (metric === 'average_receipt') {
    const average = averageMinor(sales, receipts);
    return average === null ? null : average / unit;
  }
  if (metric === 'net') return (sales - refunds) / unit;
  if (metric === 'units') return figures.units / 1000;
  const value = figures[metric as keyof Figures];
  return isMoney(metric) ? value / unit : value;
}

const none: Figures = {
  ...{ sales: 0, refunds: 0, discounts: 0, receipts: 0, refund_receipts: 0, units: 0, nds: 0, tips: 0 },
};

/** Sums of a subject; of figures that are no money all currencies together. */
function sumOf(
  segments: Segments,
  places: readonly PlaceFacts[],
  { item, currency }: { item: string | null; currency: string | null },
  span: Span,
): Figures {
  const sums = { ...none };
  for (const { placeId } of places)
    for (const one of currency === null ? segments.currencies(placeId, item) : [currency]) {
      const figures = segments.figures({ placeId, currency: one, item }, span);
      for (const name of Object.keys(sums) as (keyof Figures)[]) sums[name] += figures[name];
    }
  return sums;
}

/** In which currencies a subject is judged: `above` looks at all there are, the others at those it usually sells in. */
function currenciesOf(
  rule: CheckedRule,
  { places }: Subject,
  segments: Segments,
  item: string | null,
): (string | null)[] {
  if (!isMoney(rule.metric) && rule.metric !== 'refund_rate') return [null];
  if (rule.currency !== null) return [rule.currency];
  const usual = places.filter(({ isActive }) => isActive).flatMap(({ currencies }) => currencies);
  const found =
    rule.above === null ? [] : places.flatMap(({ placeId }) => segments.currencies(placeId, item));
  const all = new Set([...usual, ...found]);
  return all.size > 0 ? [...all] : (places[0]?.currencies.slice(0, 1) ?? []);
}

type Asked = { segments: Segments; subject: Subject; atMs: number; endMs: number; quiet: number };

/** A threshold, a change or a refund rate at one time: one judgement a currency. */
export function judgeFigures(rule: CheckedRule, asked: Asked): Judgement[] {
  const { segments, subject, atMs, endMs } = asked;
  const item = rule.product_id ?? rule.category;
  const windows = figureWindows(rule, subject, endMs);
  // A day that is quiet for everybody is none on which nothing can rise.
  const quiet = rule.below === null ? 1 : asked.quiet;
  const { known, isOpen } = learn(rule, subject, segments, windows, item);
  return currenciesOf(rule, subject, segments, item).map((currency) => {
    const of = (span: Span, places = subject.places) => sumOf(segments, places, { item, currency }, span);
    const current = of(windows.current);
    const past = windows.past.slice(0, known).map((span) => of(span));
    const value = metricOf(current, rule.metric, currency);
    const judged =
      rule.kind === 'change'
        ? judgeChange(rule, value, { current, past, currency, quiet })
        : judgeThreshold(rule, value, past, currency, isOpen);
    const placeId = subject.place?.placeId ?? null;
    return {
      ...{ target: targetOf(placeId, currency), placeId, currency, atMs, value, ...judged },
      ...{ windowFromMs: windows.shown[0], windowToMs: windows.shown[1] },
      parts: () => partsOf(current, past, currency, rule.kind === 'change' ? quiet : 1),
      ...(subject.place === undefined
        ? {
            byPlace: () =>
              subject.places.map((place) => ({
                placeId: place.placeId,
                value: metricOf(of(windows.current, [place]), rule.metric, currency) ?? 0,
                baseline: usualValue(
                  windows.past.slice(0, known).map((span) => of(span, [place])),
                  rule,
                  currency,
                ),
              })),
          }
        : {}),
    };
  });
}

/** How many past weeks there are to learn from, and whether the place usually sells at both ends of the window. */
function learn(
  rule: CheckedRule,
  { places }: Subject,
  segments: Segments,
  { past, pastHeads, pastTails }: FigureWindows,
  item: string | null,
): { known: number; isOpen: boolean } {
  const firsts = places.flatMap(({ firstSaleMs }) => firstSaleMs ?? []);
  const firstMs = firsts.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...firsts);
  const known = past.filter(([from]) => from >= firstMs).length;
  if (rule.below === null || known < 2) return { known, isOpen: true };
  const sold = (span: Span) => places.some(({ placeId }) => segments.receipts(placeId, item, span) > 0);
  const mostly = (isSold: (week: number) => boolean) =>
    Array.from({ length: known }, (_, week) => week).filter(isSold).length * 2 >= known;
  // A place that is not named need not sell the product at all.
  if (ruleFamily(rule) === 'product')
    return {
      known,
      isOpen: rule.place_id !== null || rule.all_places || mostly((week) => sold(past[week]!)),
    };
  if (rule.window_minutes >= minutesOfDay) return { known, isOpen: true };
  return { known, isOpen: mostly((week) => sold(pastHeads[week]!) && sold(pastTails[week]!)) };
}

function usualValue(past: readonly Figures[], rule: CheckedRule, currency: string | null): number | null {
  const values = past.flatMap((one) => metricOf(one, rule.metric, currency) ?? []);
  return values.length === 0 ? null : median(values);
}

type Judged = Pick<Judgement, 'isOver' | 'isBetween' | 'baseline' | 'lower' | 'upper'>;

function judgeThreshold(
  rule: CheckedRule,
  value: number | null,
  past: readonly Figures[],
  currency: string | null,
  isOpen: boolean,
): Judged {
  const baseline = usualValue(past, rule, currency);
  const limits = { baseline, lower: rule.below, upper: rule.above };
  if (value === null || !isOpen) return { ...limits, isOver: undefined };
  return { ...limits, isOver: rule.below !== null ? value < rule.below : value > rule.above! };
}

type Compared = { current: Figures; past: readonly Figures[]; currency: string | null; quiet: number };

function judgeChange(rule: CheckedRule, value: number | null, compared: Compared): Judged {
  const { current, past, currency, quiet } = compared;
  const isAverage = rule.metric === 'average_receipt';
  const isRefund = rule.metric === 'refunds' || rule.metric === 'refund_receipts';
  const weeks = past.flatMap((one) => {
    const figure = metricOf(one, rule.metric, currency);
    return figure === null ? [] : [{ figure, count: isRefund ? one.refund_receipts : one.receipts }];
  });
  const nothing = { isOver: undefined, baseline: null, lower: null, upper: null };
  if (weeks.length < leastWeeks) return nothing;
  // An average is as uncertain as the fewer receipts make it.
  const usualCount = median(weeks.map(({ count }) => count)) * quiet;
  const count = isAverage ? Math.min(usualCount, current.receipts) : usualCount;
  const figures = weeks.map(({ figure }) => figure);
  const { sensitivity } = rule;
  const usual = usualOf(figures, { count, noise: isAverage ? averageNoise : sumNoise, sensitivity });
  // A quiet day has fewer receipts, not cheaper ones.
  const part = isAverage ? 1 : quiet;
  const baseline = usual.baseline * part;
  const limit = baseline * (1 + (rule.below ?? rule.above!) / 100);
  const lower = rule.below === null ? null : Math.min(limit, usual.lower * part);
  const upper = rule.above === null ? null : Math.max(limit, usual.upper * part);
  const limits = { baseline, lower, upper };
  if (value === null || count < leastReceipts || baseline <= 0) return { ...limits, isOver: undefined };
  const isOver = lower !== null ? value < lower : value > upper!;
  return { ...limits, isOver, isBetween: !isOver && (lower !== null ? value < limit : value > limit) };
}

function partsOf(current: Figures, past: readonly Figures[], currency: string | null, quiet: number): Parts {
  const average = (figures: Figures) => metricOf(figures, 'average_receipt', currency);
  const averages = past.flatMap((one) => average(one) ?? []);
  return {
    receipts: current.receipts,
    average: average(current),
    usualReceipts: past.length === 0 ? null : median(past.map(({ receipts }) => receipts)) * quiet,
    usualAverage: averages.length === 0 ? null : median(averages),
  };
}
