import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../kafka.ts';

/** Debian keeps nginx where only root looks. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
const file = path.resolve(import.meta.dirname, '../../deploy/nginx/nginx.conf');

export type Gateway = { address: string; log(): string; stop(): Promise<void> };

/** Undefined where nginx is there; otherwise what is missing, for a test to be skipped by name. */
export function whyNoGateway(): string | undefined {
  return spawnSync('nginx', ['-v'], { env }).status === 0 ? undefined : 'nginx is not installed';
}

/** The gateway as it is deployed, in front of two services given as `127.0.0.1:8080`. */
export async function startGateway(services: { collector: string; analytics: string }): Promise<Gateway> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-gateway-'));
  const port = await freePort();
  const log = path.join(folder, 'requests.log');
  const settings = readFileSync(file, 'utf8')
    .replaceAll('data-collector:8080', services.collector)
    .replaceAll('analytics-service:8080', services.analytics)
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replaceAll(' /tmp/', ` ${folder}/`)
    .replace('/dev/stdout', log);
  const own = path.join(folder, 'nginx.conf');
  writeFileSync(own, settings);
  const server = spawn('nginx', ['-p', folder, '-c', own, '-g', 'daemon off;'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  server.stderr!.on('data', (chunk) => (told += chunk));
  const ended = once(server, 'exit');
  const address = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(`${address}/gateway-health`).catch(() => undefined);
    if (answer?.status === 200) break;
    if (server.exitCode !== null || attempt === 2_400) throw new Error(`nginx does not answer: ${told}`);
    await sleep(25);
  }
  return {
    address,
    log: () => readFileSync(log, 'utf8'),
    async stop() {
      server.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
