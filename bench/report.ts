import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';

type Line = { figure: string; value: number; baseline: number; unit: string; ratio: number; goal: string };

/** The table of a run: every figure beside its baseline of the same run, and the goal for their ratio. */
export function createReport(settings: Record<string, unknown>) {
  const lines: Line[] = [];
  const columns = (cells: string[]) =>
    `${cells[0]!.padEnd(58)} ${cells[1]!.padStart(10)} ${cells[2]!.padStart(10)} ${cells[3]!.padEnd(11)} ${cells[4]!.padStart(6)}  ${cells[5]}`;
  console.log(`${cpus().length} cores, Node ${process.version}, ${JSON.stringify(settings)}\n`);
  console.log(columns(['figure', 'value', 'baseline', 'unit', 'ratio', 'goal']));
  return {
    add(figure: string, value: number, baseline: number, unit: string, goal: string): void {
      const ratio = value / baseline;
      lines.push({ figure, value, baseline, unit, ratio, goal });
      console.log(columns([figure, value.toFixed(1), baseline.toFixed(1), unit, ratio.toFixed(3), goal]));
    },
    write(): void {
      const folder = path.join(import.meta.dirname, 'results');
      mkdirSync(folder, { recursive: true });
      const measured = { cores: cpus().length, node: process.version, ...settings, lines };
      const file = path.join(folder, `${new Date().toISOString().slice(0, 10)}.json`);
      writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`);
    },
  };
}

export type Report = ReturnType<typeof createReport>;

/** Of an odd number of values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
