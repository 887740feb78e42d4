import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { findBinaries } from '../../src/database/binaries.ts';
import { chooseRunner, commandFor, handOver } from '../../src/database/unprivileged-user.ts';
import { freePort } from '../kafka.ts';
import { until } from './temporary-server.ts';

/** What the primary has to be started with. */
export const primarySettings = {
  fsync: 'off',
  shared_buffers: '16MB',
  wal_level: 'replica',
  max_wal_senders: '4',
};

export type Standby = {
  connectionString: string;
  start(): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
};

const notCopied = /(^|\/)(postmaster\.(pid|opts)|pg_wal\/.+|pg_internal\.init)$/;

/** A streaming replica of an embedded server, beside it: a base backup by hand, since no pg_basebackup comes with it. */
export async function makeStandby(
  primary: { connectionString: string },
  clusterDir: string,
  standbyDir: string,
): Promise<Standby> {
  const client = new pg.Client({ connectionString: primary.connectionString });
  await client.connect();
  await client.query("select pg_backup_start('standby', true)");
  cpSync(clusterDir, standbyDir, {
    recursive: true,
    filter: (source) => !notCopied.test(source),
  });
  const { rows } = await client.query('select labelfile from pg_backup_stop(false)');
  await client.end();
  mkdirSync(path.join(standbyDir, 'pg_wal'), { recursive: true, mode: 0o700 });
  writeFileSync(path.join(standbyDir, 'backup_label'), rows[0].labelfile, { mode: 0o600 });
  writeFileSync(path.join(standbyDir, 'standby.signal'), '', { mode: 0o600 });
  const { postgres } = await findBinaries();
  const runner = chooseRunner(clusterDir, postgres);
  handOver(standbyDir, runner);
  const url = new URL(primary.connectionString);
  const port = await freePort();
  const connectionString = Object.assign(new URL(url), { port: String(port) }).href;
  const settings = {
    ...primarySettings,
    hot_standby: 'on',
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    wal_retrieve_retry_interval: '200ms',
    primary_conninfo: `host=127.0.0.1 port=${url.port} user=${url.username} password=${url.password}`,
  };
  const args = ['-D', standbyDir, '-p', String(port)];
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
  let child: ChildProcess | undefined;

  return {
    connectionString,
    async start() {
      const command = commandFor(runner, postgres, args);
      const output = openSync(`${standbyDir}.log`, 'a');
      child = spawn(command.file, command.args, {
        ...command.ids,
        cwd: '/',
        stdio: ['ignore', output, output],
        env: { PATH: process.env.PATH, LC_ALL: 'C' },
      });
      await until(() => answers(connectionString), 'the replica answers');
    },
    async stop(signal = 'SIGINT') {
      if (child === undefined || child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
      child = undefined;
      rmSync(path.join(standbyDir, 'postmaster.pid'), { force: true });
    },
  };
}

async function answers(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query('select pg_is_in_recovery() as follows');
    return rows[0].follows;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
