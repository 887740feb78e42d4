import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './kafka.ts';

export type TestRedis = { url: string; kill(): Promise<void>; start(): Promise<void>; stop(): Promise<void> };

/** Undefined where a Redis can be started or is given; otherwise what is missing, for a test to be skipped by name. */
export function whyNoRedis(): string | undefined {
  if (process.env.REDIS_URL || spawnSync('redis-server', ['--version']).status === 0) return undefined;
  return 'Redis: redis-server is not installed';
}

/** A Redis of its own on a free port of 127.0.0.1; `parameters` are added to its command line. */
export async function startTestRedis(parameters: readonly string[] = []): Promise<TestRedis> {
  if (process.env.REDIS_URL) {
    const none = async () => {
      throw new Error('the Redis of REDIS_URL is not ours to stop');
    };
    return { url: process.env.REDIS_URL, kill: none, start: none, stop: async () => {} };
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    const fixed = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--appendonly', 'yes'];
    server = spawn('redis-server', [...fixed, ...parameters], { stdio: 'ignore' });
    server.unref();
    if (parameters.length === 0) await answers(url);
  }

  async function end(): Promise<void> {
    const ending = server;
    server = undefined;
    if (ending === undefined || ending.exitCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.ref();
    ending.kill('SIGKILL');
    await ended;
  }

  // A test that dies leaves nothing running.
  process.once('exit', () => server?.kill('SIGKILL'));
  await start();
  return {
    url,
    kill: end,
    start,
    async stop() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 1_200; attempt++) {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.ping();
      return;
    } catch {
      await sleep(50);
    } finally {
      client.disconnect();
    }
  }
  throw new Error('Redis did not answer within a minute');
}
