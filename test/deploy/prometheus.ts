import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { freePort } from '../kafka.ts';

type Series = { metric: Record<string, string>; value?: [number, string]; values?: [number, string][] };

export type TestPrometheus = {
  /** An instant query. */
  ask(expression: string): Promise<Series[]>;
  /** Over the last minute, as a panel does. */
  askRange(expression: string): Promise<Series[]>;
  values(label: string, match: string): Promise<string[]>;
  /** Resolves once the expression finds something. */
  finds(expression: string): Promise<void>;
  stop(): Promise<void>;
};

/** Undefined where Prometheus is there; otherwise what is missing, for a test to be skipped by name. */
export function whyNoPrometheus(): string | undefined {
  return spawnSync('prometheus', ['--version']).status === 0 ? undefined : 'prometheus is not installed';
}

/** Prometheus as it is deployed, rules included, but it asks one program, and twice a second. */
export async function startPrometheus(target: string, token: string): Promise<TestPrometheus> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-prometheus-'));
  cpSync('deploy/prometheus', folder, { recursive: true });
  const file = path.join(folder, 'prometheus.yml');
  const settings = parse(readFileSync(file, 'utf8'));
  settings.global = { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' };
  const [{ authorization, job_name: job }] = settings.scrape_configs;
  settings.scrape_configs = [
    {
      job_name: job,
      authorization,
      static_configs: [{ targets: [target], labels: { service: 'tillstream' } }],
    },
  ];
  writeFileSync(file, stringify(settings));
  writeFileSync(path.join(folder, authorization.credentials_file), token);
  const port = await freePort();
  const words = [`--config.file=${file}`, `--storage.tsdb.path=${path.join(folder, 'data')}`];
  const server = spawn('prometheus', [...words, `--web.listen-address=127.0.0.1:${port}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  server.stderr!.on('data', (chunk) => (told += chunk));
  const ended = once(server, 'exit');

  async function get<Answer>(url: string, parameters: Record<string, string>): Promise<Answer> {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${url}?${new URLSearchParams(parameters)}`);
    const body = (await answer.json()) as { status: string; error?: string; data: Answer };
    if (body.status !== 'success') throw new Error(`${JSON.stringify(parameters)}: ${body.error}`);
    return body.data;
  }
  const ask = async (query: string) => (await get<{ result: Series[] }>('query', { query })).result;

  return {
    ask,
    async askRange(query) {
      const now = Date.now() / 1000;
      const range = { start: String(now - 60), end: String(now), step: '1' };
      return (await get<{ result: Series[] }>('query_range', { query, ...range })).result;
    },
    values: (label, match) => get<string[]>(`label/${label}/values`, { 'match[]': match }),
    async finds(expression) {
      for (let attempt = 0; ; attempt++) {
        const found = await ask(expression).catch(() => []);
        if (found.length > 0) return;
        if (server.exitCode !== null || attempt === 1_200)
          throw new Error(`Prometheus does not have ${expression}: ${told}`);
        await sleep(100);
      }
    },
    async stop() {
      server.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
