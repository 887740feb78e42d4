import type { CheckedRule } from './alert-rule.ts';
import type { Judgement } from './judgement.ts';

/** What is remembered of one target of a rule. */
export type Track = {
  /** The alert that was written last, 0 before it is. */
  alertId: number;
  isFiring: boolean;
  /** The cool-down after the last alert; nothing fires before. */
  quietUntilMs: number;
};

export type Decision =
  | { type: 'fire'; judgement: Judgement }
  | { type: 'resolve'; target: string; atMs: number };

/**
 * What begins to fire and what stops, by what a rule says at one time; the tracks are moved along. A place of which
 * nothing can be said any more is no longer over its limit, except in silence: that ends when something comes.
 */
export function decideAlerts(
  rule: Pick<CheckedRule, 'kind' | 'cooldown_minutes' | 'muted_until'>,
  tracks: Map<string, Track>,
  { atMs, judgements }: { atMs: number; judgements: readonly Judgement[] },
): Decision[] {
  const decisions: Decision[] = [];
  const seen = new Set<string>();
  const resolve = (target: string, track: Track) => {
    track.isFiring = false;
    track.quietUntilMs = atMs + rule.cooldown_minutes * 60_000;
    decisions.push({ type: 'resolve', target, atMs });
  };
  const isMuted = rule.muted_until !== null && atMs < rule.muted_until.getTime();
  for (const judgement of judgements) {
    const { target, isOver } = judgement;
    seen.add(target);
    const track = tracks.get(target);
    if (track?.isFiring === true) {
      const isBack = isOver === false && judgement.isBetween !== true;
      if (isBack || (isOver === undefined && rule.kind !== 'silence')) resolve(target, track);
      continue;
    }
    if (isOver !== true || isMuted || (track !== undefined && atMs < track.quietUntilMs)) continue;
    tracks.set(target, { alertId: 0, isFiring: true, quietUntilMs: 0 });
    decisions.push({ type: 'fire', judgement });
  }
  if (rule.kind !== 'silence')
    for (const [target, track] of tracks) if (track.isFiring && !seen.has(target)) resolve(target, track);
  return decisions;
}
