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
import type { PlaceFacts } from './place-facts.ts';
import { PreviewLines } from './preview-lines.ts';

export type PreviewDeps = {
  pool: Database;
  reference: Reference;
  config: Pick<Config, 'defaultTimeZone' | 'defaultCurrency'>;
};

/** Windows that are looked at, those of past weeks too: some seconds. */
const mostWindows = 2_000_000;
/** So many are in memory at a time; a month of many places would not fit. */
const windowsAtOnce = 50_000;

type PreviewedAlert = {
  judgement: Pick<Judgement, 'target' | 'atMs' | 'placeId' | 'currency' | 'value' | 'baseline'>;
  explanation: Explanation;
  resolvedMs: number | null;
};

/** The alerts that a rule would have had, without mute, and the line of the place that it is most about. */
export async function previewRule(
  { pool, reference, config }: PreviewDeps,
  rule: CheckedRule,
  { fromMs, toMs }: { fromMs: number; toMs: number },
) {
  const times = slotEnds(fromMs - 1, Math.min(toMs, judgedUpTo(toMs)));
  const timesAtOnce = await countTimesAtOnce(pool, rule, times.length);
  const deps = { reference, ...config };
  const unmuted = { ...rule, muted_until: null };
  const tracks = new Map<string, Track>();
  const lines = new PreviewLines();
  const alerts: PreviewedAlert[] = [];
  const firing = new Map<string, PreviewedAlert>();
  let places: PlaceFacts[] = [];
  for (let at = 0; at < times.length; at += timesAtOnce) {
    const evaluated = await evaluateRules(pool, deps, [rule], times.slice(at, at + timesAtOnce));
    places = evaluated.places;
    const fired: { rule: CheckedRule; judgement: Judgement; alert: PreviewedAlert }[] = [];
    for (const { atMs, said } of evaluated.moments) {
      const judgements = said.get(rule) ?? [];
      for (const judgement of judgements) lines.add(judgement);
      for (const decision of decideAlerts(unmuted, tracks, { atMs, judgements }))
        if (decision.type === 'fire') {
          const { judgement } = decision;
          const alert = { judgement: keptOf(judgement), explanation: unexplained, resolvedMs: null };
          alerts.push(alert);
          fired.push({ rule, judgement, alert });
          firing.set(judgement.target, alert);
        } else firing.get(decision.target)!.resolvedMs = decision.atMs;
    }
    const explained = await explainAlerts(pool, fired, places, config.defaultTimeZone);
    for (const [index, { alert }] of fired.entries()) alert.explanation = explained[index]!;
  }
  const nameOf = (placeId: string | null) => places.find((one) => one.placeId === placeId)?.name ?? null;
  const line = lines.drawn(alerts.map(({ judgement }) => judgement.target));
  const { placeId, currency, series } = line ?? {
    placeId: rule.place_id,
    currency: rule.currency,
    series: [],
  };
  return {
    ...{ place_id: placeId, place_name: nameOf(placeId), currency, series },
    alerts: alerts.map((alert) => shownAlert(alert, nameOf)),
  };
}

/** A judgement holds on to every figure that was read for it. */
const keptOf = ({ target, atMs, placeId, currency, value, baseline }: Judgement) => ({
  ...{ target, atMs, placeId, currency, value, baseline },
});
const unexplained: Explanation = { text: '', drivers: [] };

/** Of how many times the windows fit into memory. Error `invalid_parameters` where all together are too many. */
async function countTimesAtOnce(pool: Database, rule: CheckedRule, times: number): Promise<number> {
  // What is compared with the day of the other places takes all of them.
  const isOfOne = rule.place_id !== null && rule.kind !== 'change' && rule.kind !== 'silence';
  const { rows } = await pool.query<{ places: number }>('select count(*) as places from ops.place');
  const places = isOfOne ? 1 : Math.max(rows[0]!.places, 1);
  const windows = places * (1 + rule.weeks);
  if (windows * times > mostWindows && !isOfOne) {
    const days = Math.floor((mostWindows / windows) * (slotMs / dayMs));
    const message = `so long a time is too much to try a rule out on with ${places} places and ${rule.weeks} weeks; give one of ${days} days`;
    const errors = [{ pointer: '/query/from', code: 'too_much', message }];
    throw new CodedError('invalid_parameters', `/query/from ${message}`, { errors });
  }
  return Math.max(1, Math.floor(windowsAtOnce / windows));
}

const shownAlert = (
  { judgement, explanation, resolvedMs }: PreviewedAlert,
  nameOf: (placeId: string | null) => string | null,
) => ({
  fired_at: new Date(judgement.atMs).toISOString(),
  resolved_at: resolvedMs === null ? null : new Date(resolvedMs).toISOString(),
  ...{ place_id: judgement.placeId, place_name: nameOf(judgement.placeId), currency: judgement.currency },
  ...{ value: rounded(judgement.value!), baseline: roundedOrNull(judgement.baseline), explanation },
});
