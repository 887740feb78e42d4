import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

export type Running = { child: ChildProcess; output(): string; ended: Promise<Ended> };
export type Ended = { code: number | null; signal: NodeJS.Signals | null; output: string };

/** `tillstream …` as a process of its own; what it prints, on either output, is collected. */
export function startCommand(args: readonly string[], env: Record<string, string>): Running {
  const { DATABASE_URL: _, DATA_DIR: __, PORT: ___, ...inherited } = process.env;
  const child = spawn(process.execPath, ['src/main.ts', ...args], {
    cwd: root,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout!.on('data', (chunk) => (output += chunk));
  child.stderr!.on('data', (chunk) => (output += chunk));
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, output })),
  );
  return { child, output: () => output, ended };
}

export function runCommand(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  return startCommand(args, env).ended;
}
