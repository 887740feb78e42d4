import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';

const chart = 'deploy/helm/tillstream';
const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
const built = path.join(cache, 'tillstream/bin/helm');
const helm = existsSync(built) ? built : 'helm';

/** A document of Kubernetes, as Helm renders it. */
export type Rendered = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
  spec: any;
  data?: Record<string, string>;
};

/** Undefined where Helm is there; otherwise what is missing, for a test to be skipped by name. */
export function whyNoHelm(): string | undefined {
  return spawnSync(helm, ['version']).status === 0
    ? undefined
    : 'helm is not installed (scripts/fetch-helm.sh)';
}

/** What Helm says, or why it refuses. */
export function runHelm(command: 'lint' | 'template', values: string | undefined, ...more: string[]) {
  const files = values === undefined ? [] : ['--values', `test/deploy/values/${values}.yaml`];
  const name = command === 'template' ? ['shop'] : [];
  const words = [command, ...name, chart, '--kube-version', '1.33.0', ...files, ...more];
  const { status, stdout, stderr } = spawnSync(helm, words, { encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status, stdout, stderr };
}

export function render(values: string, ...more: string[]): Rendered[] {
  const { status, stdout, stderr } = runHelm('template', values, ...more);
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() === null ? [] : [document.toJS() as Rendered];
  });
}

const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema(JSON.parse(readFileSync('test/deploy/schemas/kubernetes.json', 'utf8')), 'kubernetes');

/** What is wrong with a document by the schema of its kind. */
export function findMistakes(document: Rendered): string[] {
  const kind = `${document.apiVersion} ${document.kind}`;
  const pointer = kind.replaceAll('/', '~1').replaceAll(' ', '%20');
  const check = ajv.getSchema(`kubernetes#/kinds/${pointer}`);
  if (check === undefined) return [`there is no schema of ${kind} (scripts/cut-schemas.ts)`];
  if (check(document)) return [];
  return check.errors!.map(
    ({ instancePath, message, params }) =>
      `${document.kind} ${document.metadata.name}${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}
