import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';

const jars =
  process.env.KAFKA_JARS ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'tillstream', 'kafka-4.1.0');

export type TestKafka = {
  brokers: string[];
  /** Ends the broker as a power cut would; undefined where it was given by KAFKA_BROKERS. */
  kill(): Promise<void>;
  /** On the same port, with the same data. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

/** Undefined where a broker can be started or is given; otherwise what is missing, for a test to be skipped by name. */
export function whyNoKafka(): string | undefined {
  if (process.env.KAFKA_BROKERS) return undefined;
  if (spawnSync('java', ['-version']).status !== 0) return 'Kafka: java is not installed';
  if (!existsSync(path.join(jars, 'complete')))
    return 'Kafka: its jars are missing, run scripts/fetch-kafka.sh';
  return undefined;
}

/**
 * A broker of its own (KRaft, one node) on a free port of 127.0.0.1; `settings` are added to server.properties.
 * `further` are listeners besides the plain one, such as `SASL_SSL://127.0.0.1:19093`.
 */
export async function startTestKafka(
  settings: Record<string, string> = {},
  further: readonly string[] = [],
): Promise<TestKafka> {
  if (process.env.KAFKA_BROKERS) {
    const none = async () => {
      throw new Error('the broker of KAFKA_BROKERS is not ours to stop');
    };
    return { brokers: process.env.KAFKA_BROKERS.split(','), kill: none, start: none, stop: async () => {} };
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-kafka-'));
  const [port, controllerPort] = [await freePort(), await freePort()];
  const file = path.join(folder, 'server.properties');
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: [
      `PLAINTEXT://127.0.0.1:${port}`,
      `CONTROLLER://127.0.0.1:${controllerPort}`,
      ...further,
    ].join(),
    'advertised.listeners': [`PLAINTEXT://127.0.0.1:${port}`, ...further].join(),
    'listener.security.protocol.map': [
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      ...further.map((listener) => `${listener.split(':')[0]}:${listener.split(':')[0]}`),
    ].join(),
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': path.join(folder, 'data'),
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    ...settings,
  };
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const run = (main: string, parameters: string[]) => [
    ...['-Xmx400m', '-XX:+UseSerialGC', '-cp', `${jars}/*`, main],
    ...parameters,
  ];
  // A word that begins with a dash would be read as an option.
  const clusterId = `k${randomBytes(16).toString('base64url').slice(1)}`;
  const formatted = spawnSync(
    'java',
    run('kafka.tools.StorageTool', ['format', '-t', clusterId, '-c', file]),
    {
      encoding: 'utf8',
    },
  );
  if (formatted.status !== 0)
    throw new Error(`Kafka was not formatted: ${formatted.stdout}${formatted.stderr}`);
  let broker: ChildProcess | undefined;
  const brokers = [`127.0.0.1:${port}`];

  async function start(): Promise<void> {
    broker = spawn('java', run('kafka.Kafka', [file]), { stdio: 'ignore' });
    broker.unref();
    await answers(brokers, broker);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = broker;
    broker = undefined;
    if (ending === undefined || ending.exitCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.ref();
    ending.kill(signal);
    await ended;
  }

  // A test that dies leaves nothing running.
  process.once('exit', () => broker?.kill('SIGKILL'));
  await start();
  return {
    brokers,
    kill: () => end('SIGKILL'),
    start,
    async stop() {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(brokers: string[], broker: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 1_200; attempt++) {
    if (broker.exitCode !== null) throw new Error(`Kafka ended with ${broker.exitCode}`);
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: brokers, retries: 0 });
    try {
      await admin.metadata({ topics: [] });
      return;
    } catch {
      await sleep(100);
    } finally {
      await admin.close();
    }
  }
  throw new Error('Kafka did not answer within two minutes');
}

/**
 * A port that nobody listens on. It lies below those that the system deals out, or another test might be given it
 * before the server that it is for is up.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await new Promise((resolve) =>
      server.once('listening', () => resolve(true)).once('error', () => resolve(false)),
    );
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
