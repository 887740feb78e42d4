import { globSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

type Rule = { expr: string } & (
  | { alert: string; labels: Record<string, string>; annotations: Record<string, string> }
  | { record: string }
);
type Rules = { groups: { name: string; rules: Rule[] }[] };

/** Every rule that Prometheus is given. */
export function readRules(): Rule[] {
  return globSync('deploy/prometheus/rules/*.yml')
    .map((file) => parse(readFileSync(file, 'utf8')) as Rules)
    .flatMap(({ groups }) => groups.flatMap(({ rules }) => rules));
}

export function readAlerts() {
  return readRules().filter((rule) => 'alert' in rule);
}

/** The metrics of the program that an expression reads, as /metrics tells their types: without what a histogram adds. */
export function metricsOf(expression: string): string[] {
  const names = expression.match(/(?<![\w:])tillstream_\w+/g) ?? [];
  return names.map((name) => name.replace(/_(bucket|sum|count)$/, ''));
}

/** Figures that recording rules make, as an expression names them. */
export function recordedOf(expression: string): string[] {
  return expression.match(/(?<![\w:])tillstream:[\w:]+/g) ?? [];
}
