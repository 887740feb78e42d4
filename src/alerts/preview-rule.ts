import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import type { Reference } from '../reference/reference.ts';
import type { CheckedRule } from './alert-rule.ts';
import { decideAlerts, type Track } from './decide-alerts.ts';
import { evaluateRules } from './evaluate-rules.ts';
import { rounded, roundedOrNull } from './explain-alert.ts';
import type { Explanation } from './explanation.ts';
import { explainAlerts } from './find-drivers.ts';
import type { Judgement } from './judgement.ts';
import { dayMs, judgedUpTo, slotEnds, slotMs } from './local-time.ts';

export type PreviewDeps = {
  pool: Database;
  reference: Reference;
  config: Pick<Config, 'defaultTimeZone' | 'defaultCurrency'>;
};

/** Points of a drawn line; more are thinned out. */
const mostPoints = 2_000;
/** Places times ends of five minutes: some seconds. */
const mostJudgements = 300_000;

type PreviewedAlert = {
  judgement: Judgement;
  resolvedMs: number | null;
};

/** The alerts that a rule would have had, without mute, and the line of the place that it is most about. */
export async function previewRule(
  { pool, reference, config }: PreviewDeps,
  rule: CheckedRule,
  { fromMs, toMs }: { fromMs: number; toMs: number },
) {
  const times = slotEnds(fromMs - 1, Math.min(toMs, judgedUpTo(toMs)));
  await refuseTooMuch(pool, rule, times.length);
  const deps = { reference, ...config };
  const { moments, places } = await evaluateRules(pool, deps, [rule], times);
  const tracks = new Map<string, Track>();
  const alerts: PreviewedAlert[] = [];
  const firing = new Map<string, PreviewedAlert>();
  const unmuted = { ...rule, muted_until: null };
  for (const { atMs, said } of moments) {
    const judgements = said.get(rule) ?? [];
    for (const decision of decideAlerts(unmuted, tracks, { atMs, judgements }))
      if (decision.type === 'fire') {
        const alert = { judgement: decision.judgement, resolvedMs: null };
        alerts.push(alert);
        firing.set(decision.judgement.target, alert);
      } else firing.get(decision.target)!.resolvedMs = decision.atMs;
  }
  const explained = await explainAlerts(
    pool,
    alerts.map(({ judgement }) => ({ rule, judgement })),
    places,
    config.defaultTimeZone,
  );
  const nameOf = (placeId: string | null) => places.find((one) => one.placeId === placeId)?.name ?? null;
  const line = drawnLine(
    moments.flatMap(({ said }) => said.get(rule) ?? []),
    alerts,
  );
  const { placeId, currency } = line[0] ?? { placeId: rule.place_id, currency: rule.currency };
  return {
    ...{ place_id: placeId, place_name: nameOf(placeId), currency, series: line.map(shownPoint) },
    alerts: alerts.map((alert, index) => shownAlert(alert, explained[index]!, nameOf)),
  };
}

/** What is compared with the day of the other places takes all of them. */
async function refuseTooMuch(pool: Database, rule: CheckedRule, times: number): Promise<void> {
  if (rule.place_id !== null && rule.kind !== 'change' && rule.kind !== 'silence') return;
  const { rows } = await pool.query<{ places: number }>('select count(*) as places from ops.place');
  const { places } = rows[0]!;
  if (places * times <= mostJudgements) return;
  const days = Math.floor((mostJudgements / places) * (slotMs / dayMs));
  const message = `so long a time is too much to try a rule out on with ${places} places; give one of ${days} days`;
  const errors = [{ pointer: '/query/from', code: 'too_much', message }];
  throw new CodedError('invalid_parameters', `/query/from ${message}`, { errors });
}

/** That of the target with most alerts, else with the largest figures, thinned out evenly. */
function drawnLine(judgements: readonly Judgement[], alerts: readonly PreviewedAlert[]): Judgement[] {
  const weight = new Map<string, number>();
  for (const { target, value } of judgements)
    weight.set(target, (weight.get(target) ?? 0) + Math.abs(value ?? 0));
  const count = (target: string) => alerts.filter(({ judgement }) => judgement.target === target).length;
  const [chosen] = [...weight].toSorted((a, b) => count(b[0]) - count(a[0]) || b[1] - a[1])[0] ?? [];
  const line = judgements.filter(({ target }) => target === chosen);
  const step = Math.ceil(line.length / mostPoints);
  return line.filter((_, index) => index % Math.max(step, 1) === 0);
}

const shownPoint = ({ atMs, value, baseline, lower, upper }: Judgement) => ({
  ...{ at: new Date(atMs).toISOString(), value: roundedOrNull(value), baseline: roundedOrNull(baseline) },
  ...{ lower: roundedOrNull(lower), upper: roundedOrNull(upper) },
});

const shownAlert = (
  { judgement, resolvedMs }: PreviewedAlert,
  explanation: Explanation,
  nameOf: (placeId: string | null) => string | null,
) => ({
  fired_at: new Date(judgement.atMs).toISOString(),
  resolved_at: resolvedMs === null ? null : new Date(resolvedMs).toISOString(),
  ...{ place_id: judgement.placeId, place_name: nameOf(judgement.placeId), currency: judgement.currency },
  ...{ value: rounded(judgement.value!), baseline: roundedOrNull(judgement.baseline), explanation },
});
