import type { Clock } from '../base/clock.ts';
import { type Client, inTransaction } from '../base/db.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { type AlertRule, ruleKinds } from './alert-rule.ts';
import { listEnabledRules } from './alert-rules.ts';
import { decideAlerts } from './decide-alerts.ts';
import { evaluateRules, type Lag, type Moment } from './evaluate-rules.ts';
import { rounded, roundedOrNull } from './explain-alert.ts';
import { explainAlerts } from './find-drivers.ts';
import type { Judgement } from './judgement.ts';
import { judgedUpTo, minuteMs, slotEnds } from './local-time.ts';
import { type LagDeps, measureLag } from './measure-lag.ts';
import type { FactsDeps, PlaceFacts } from './place-facts.ts';
import { readTracks, type Tracks } from './read-tracks.ts';
import { fireAlerts, resolveAlerts } from './write-alerts.ts';

export type RunDeps = FactsDeps & LagDeps & { epoch: number; clock: Clock; metrics: Metrics };

export type Ran = { rules: number; fired: number; resolved: number; held_back: string[] };

/** Of all programs together one evaluates at a time. */
const alertsLock = 7130;
const longestLagSeconds = 60;
/** After a longer pause nobody has listened, and what was missed is not made up for. */
const longestPauseMs = 10 * minuteMs;
/** What was held back is made up for so far, in ends of five minutes. */
const mostMoments = 24;

/** What was held back for two hours may take a while in many places. */
const beginLong = "begin; set local transaction_timeout = '5min'";

type Watch = { ran_at: Date | null; watched_since: Date | null; evaluated_to: Date | null };

// Nothing is locked or written while rules are judged: a transaction with an id would hold the fold back for so long.
const readWatch = `
  select ran_at, watched_since, evaluated_to from ops.alert_watch where pg_try_advisory_xact_lock(${alertsLock})`;
const moveWatch = 'update ops.alert_watch set ran_at = $1, watched_since = $2, evaluated_to = $3';

/**
 * Judges every rule once, for this minute, and writes what fires and what stops with its events, all in one
 * transaction. While sales are counted more than a minute late only rules about that lag speak; the times that were
 * held back are judged afterwards.
 */
export async function runAlerts(deps: RunDeps): Promise<Ran> {
  const nowMs = deps.clock.nowMs();
  const lag = await measureLag(deps, nowMs);
  const heldBack = [
    ...(lag.foldSeconds > longestLagSeconds ? ['fold'] : []),
    ...(lag.streamSeconds > longestLagSeconds ? ['stream'] : []),
  ];
  const done = await inTransaction(
    deps.pool,
    (client) => runOnce(client, deps, { nowMs, lag, heldBack }),
    beginLong,
  );
  for (const reason of ['fold', 'stream'])
    deps.metrics.alertsHeldBack.set({ reason }, heldBack.includes(reason) ? 1 : 0);
  if (done === undefined) return { rules: 0, fired: 0, resolved: 0, held_back: heldBack };
  for (const kind of ruleKinds) deps.metrics.alertsFiring.set({ kind }, done.firing.get(kind) ?? 0);
  for (const [kind, event] of done.events) deps.metrics.alertEvents.inc({ kind, event });
  const count = (name: string) => done.events.filter(([, event]) => event === name).length;
  return {
    ...{ rules: done.rules, fired: count('fired'), resolved: count('resolved') },
    held_back: heldBack,
  };
}

type Run = { nowMs: number; lag: Lag; heldBack: string[] };
type Done = {
  rules: number;
  firing: Map<string, number>;
  events: [kind: string, event: 'fired' | 'resolved'][];
};

/** Undefined where another program is at it. */
async function runOnce(client: Client, deps: RunDeps, run: Run): Promise<Done | undefined> {
  const watch = (await client.query<Watch>(readWatch)).rows[0];
  if (watch === undefined) return undefined;
  const { nowMs, lag, heldBack } = run;
  const upTo = judgedUpTo(nowMs);
  const isNew = watch.ran_at === null || nowMs - watch.ran_at.getTime() > longestPauseMs;
  const watchedSinceMs = isNew ? nowMs : (watch.watched_since?.getTime() ?? nowMs);
  const missed = isNew || watch.evaluated_to === null ? [] : slotEnds(watch.evaluated_to.getTime(), upTo);
  const rules = await listEnabledRules(client);
  const lagRules = rules.filter(({ kind }) => kind === 'lag');
  const others = heldBack.length > 0 ? [] : rules.filter(({ kind }) => kind !== 'lag');
  const tracks = await readTracks(client, rules, nowMs);
  const events: Done['events'] = [];
  const ofLag = await evaluateRules(client, deps, lagRules, [nowMs], { lag });
  const times = missed.length === 0 ? [upTo] : missed.slice(-mostMoments);
  const ofFigures = await evaluateRules(client, deps, others, times, { watchedSinceMs });
  for (const { moments, places } of [ofLag, ofFigures])
    for (const moment of moments) events.push(...(await writeMoment(client, deps, tracks, moment, places)));
  const evaluatedTo = heldBack.length > 0 ? (watch.evaluated_to ?? new Date(upTo)) : new Date(upTo);
  await client.query({ text: moveWatch, values: [new Date(nowMs), new Date(watchedSinceMs), evaluatedTo] });
  return { rules: rules.length, firing: countFiring(rules, tracks), events };
}

/** What begins and what stops at one time: a statement for each. */
async function writeMoment(
  client: Client,
  deps: RunDeps,
  tracks: Tracks,
  { atMs, said }: Moment<AlertRule>,
  places: readonly PlaceFacts[],
): Promise<Done['events']> {
  const firing: { rule: AlertRule; judgement: Judgement }[] = [];
  const resolving: { rule: AlertRule; alertId: number; at: Date }[] = [];
  for (const [rule, judgements] of said) {
    const own = tracks.get(rule.rule_id)!;
    for (const decision of decideAlerts(rule, own, { atMs, judgements }))
      if (decision.type === 'fire') firing.push({ rule, judgement: decision.judgement });
      else resolving.push({ rule, alertId: own.get(decision.target)!.alertId, at: new Date(atMs) });
  }
  const explanations = await explainAlerts(client, firing, places, deps.defaultTimeZone);
  const rows = firing.map(({ rule, judgement }, index) => ({
    ...{ rule, target: judgement.target, place_id: judgement.placeId, currency: judgement.currency },
    ...{ value: rounded(judgement.value!), baseline: roundedOrNull(judgement.baseline) },
    explanation: explanations[index]!,
    ...{ window_from: new Date(judgement.windowFromMs), window_to: new Date(judgement.windowToMs) },
    fired_at: new Date(judgement.atMs),
  }));
  await resolveAlerts(client, deps, resolving);
  for (const { alert_id, rule_id, target } of await fireAlerts(client, deps, rows))
    tracks.get(rule_id)!.get(target)!.alertId = alert_id;
  return [
    ...firing.map(({ rule }) => [rule.kind, 'fired'] as const),
    ...resolving.map(({ rule }) => [rule.kind, 'resolved'] as const),
  ].map(([kind, event]): Done['events'][number] => [kind, event]);
}

function countFiring(rules: readonly AlertRule[], tracks: Tracks): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { rule_id, kind } of rules)
    for (const { isFiring } of tracks.get(rule_id)!.values())
      if (isFiring) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

const everyMinute = '* * * * *';

/** Takes the job that judges the rules every minute. */
export async function workAlerts(deps: RunDeps, jobs: Jobs): Promise<void> {
  await jobs.work('alerts', async () => ({ ...(await runAlerts(deps)) }));
  await jobs.schedule('alerts', everyMinute, 'UTC');
}
