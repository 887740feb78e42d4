import { roundedOrNull } from './explain-alert.ts';
import type { Judgement } from './judgement.ts';

/** Points of a drawn line; more are thinned out. */
const mostPoints = 2_000;

type Point = Pick<Judgement, 'atMs' | 'value' | 'baseline' | 'lower' | 'upper'>;
type Line = { placeId: string | null; currency: string | null; weight: number; points: Point[] };

/** What a rule said of each target, of which one is drawn: the figures alone, since there are many. */
export class PreviewLines {
  private readonly lines = new Map<string, Line>();

  add({ target, placeId, currency, atMs, value, baseline, lower, upper }: Judgement): void {
    let line = this.lines.get(target);
    if (line === undefined) {
      line = { placeId, currency, weight: 0, points: [] };
      this.lines.set(target, line);
    }
    line.weight += Math.abs(value ?? 0);
    line.points.push({ atMs, value, baseline, lower, upper });
  }

  /** That of the target with most alerts, else with the largest figures, thinned out evenly. */
  drawn(alertTargets: readonly string[]) {
    const count = (target: string) => alertTargets.filter((one) => one === target).length;
    const [chosen] = [...this.lines].toSorted(
      (a, b) => count(b[0]) - count(a[0]) || b[1].weight - a[1].weight,
    );
    if (chosen === undefined) return undefined;
    const { placeId, currency, points } = chosen[1];
    const step = Math.ceil(points.length / mostPoints);
    return { placeId, currency, series: points.filter((_, index) => index % step === 0).map(shownPoint) };
  }
}

const shownPoint = ({ atMs, value, baseline, lower, upper }: Point) => ({
  ...{ at: new Date(atMs).toISOString(), value: roundedOrNull(value), baseline: roundedOrNull(baseline) },
  ...{ lower: roundedOrNull(lower), upper: roundedOrNull(upper) },
});
