import { localTimeAt } from '../base/time.ts';
import { type CheckedRule, isMoney } from './alert-rule.ts';
import { alertWords } from './alert-words.ts';
import type { Driver, Explanation } from './explanation.ts';
import type { Judgement } from './judgement.ts';

/** Names of what an alert speaks of, and the zone in which its times are shown. */
export type Shown = {
  place: string | null;
  zone: string;
  nameOf(kind: 'place' | 'product', id: string): string;
};

const toldDrivers = 3;

/** How many receipts and how much each: together they are the whole difference of a sum. */
export function partDrivers(rule: Pick<CheckedRule, 'metric'>, judgement: Judgement): Driver[] {
  const parts = judgement.parts?.();
  if (parts === undefined || parts.usualReceipts === null) return [];
  const { receipts, average, usualReceipts, usualAverage } = parts;
  const ofMoney = ['sales', 'net', 'average_receipt'].includes(rule.metric);
  const ofCounts = ['receipts', 'units'].includes(rule.metric);
  if (!ofMoney && !ofCounts) return [];
  const each = usualAverage ?? average ?? 0;
  const count: Driver = {
    ...{ kind: 'receipts', value: receipts, baseline: rounded(usualReceipts) },
    change: rounded((receipts - usualReceipts) * (ofMoney ? each : 1)),
  };
  if (ofCounts || average === null || usualAverage === null) return [count];
  const price: Driver = {
    ...{ kind: 'average_receipt', value: average, baseline: rounded(usualAverage) },
    change: rounded((average - usualAverage) * receipts),
  };
  return [count, price].toSorted((a, b) => Math.abs(b.change) - Math.abs(a.change));
}

export const rounded = (value: number) => Math.round(value * 100) / 100;
/** Of nothing usual there is no median. */
export const roundedOrNull = (value: number | null) =>
  value === null || Number.isNaN(value) ? null : rounded(value);

/** Those that went the way of the alert, the furthest first. */
export function largest(drivers: readonly Driver[], isDown: boolean): Driver[] {
  return drivers
    .filter(({ change }) => (isDown ? change < 0 : change > 0))
    .toSorted((a, b) => Math.abs(b.change) - Math.abs(a.change))
    .slice(0, toldDrivers);
}

/** Whether the figure fell: that its rule says `below`, or that it is less than usual. */
export const fell = (rule: Pick<CheckedRule, 'below'>, { value, baseline }: Judgement) =>
  rule.below !== null || (baseline !== null && value !== null && value < baseline);

/** The sentence and the figures behind it. `further`: products or places that moved. */
export function explainAlert(
  rule: CheckedRule,
  judgement: Judgement,
  shown: Shown,
  further: readonly Driver[],
): Explanation {
  const { value, refund } = judgement;
  const drivers: Driver[] =
    refund === undefined
      ? [...partDrivers(rule, judgement), ...further]
      : [
          {
            ...{ kind: 'refund', id: refund.sourceId, name: refund.source },
            ...{ value: value!, baseline: null, change: value! },
          },
        ];
  const sentences = [mainSentence(rule, judgement, shown), ...driverSentences(rule, drivers, shown)];
  return { text: sentences.map((sentence) => `${sentence}.`).join(' '), drivers };
}

function mainSentence(rule: CheckedRule, judgement: Judgement, shown: Shown): string {
  const words = alertWords[rule.language];
  const { value, baseline, currency, refund } = judgement;
  const money = (amount: number) => figure(amount, rule, currency);
  const of = subjectOf(rule, shown);
  const between = betweenOf(judgement, shown.zone);
  const usual = baseline === null ? undefined : money(baseline);
  switch (rule.kind) {
    case 'silence':
      return words.silence(of, between, String(Math.round(baseline ?? 0)));
    case 'audit':
      return words.audit(value!);
    case 'lag':
      return words.lag(value!, rule.above!);
    default:
  }
  if (refund !== undefined)
    return words.refund(money(value!), of, `${refund.source} ${refund.sourceId}`, money(rule.above!));
  const what = words.figure(words.metrics[rule.metric], of, between, money(value!));
  if (rule.kind === 'change') {
    const percent = Math.round((value! / baseline! - 1) * 100);
    return `${what}, ${words.offUsual(percent, usual!, rule.weeks)}`;
  }
  const limit = rule.below === null ? words.over(money(rule.above!)) : words.under(money(rule.below));
  return [what, limit, ...(usual === undefined ? [] : [words.usual(usual)])].join(', ');
}

function driverSentences(rule: CheckedRule, drivers: readonly Driver[], { nameOf }: Shown): string[] {
  const words = alertWords[rule.language];
  const instead = (what: string, { value, baseline }: Driver) =>
    words.instead(what, plain(value), plain(baseline ?? 0));
  const parts = drivers.flatMap((driver) =>
    driver.kind === 'receipts' || driver.kind === 'average_receipt'
      ? [instead(words.metrics[driver.kind], driver)]
      : [],
  );
  const named = drivers.flatMap((driver) =>
    driver.kind === 'product' || driver.kind === 'place'
      ? [instead(nameOf(driver.kind, driver.id!), driver)]
      : [],
  );
  return [
    ...(parts.length === 0 ? [] : [parts.join('; ')]),
    ...(named.length === 0 ? [] : [words.most(named.join('; '))]),
  ];
}

function subjectOf(rule: CheckedRule, { place, nameOf }: Shown): string {
  const where = place ?? alertWords[rule.language].everywhere;
  const item = rule.product_id === null ? rule.category : nameOf('product', rule.product_id);
  return item === null ? where : `${item} (${where})`;
}

function betweenOf({ windowFromMs, windowToMs }: Judgement, zone: string): { from: string; to: string } {
  const [from, to] = [windowFromMs, windowToMs].map((ms) =>
    localTimeAt(ms, zone).slice(0, 16).replace('T', ' '),
  );
  return { from: from!, to: from!.slice(0, 10) === to!.slice(0, 10) ? to!.slice(11) : to! };
}

const plain = (value: number) => String(rounded(value));

function figure(value: number, { metric }: CheckedRule, currency: string | null): string {
  if (metric === 'refund_rate') return `${plain(value)} %`;
  return isMoney(metric) && currency !== null ? `${plain(value)} ${currency}` : plain(value);
}
