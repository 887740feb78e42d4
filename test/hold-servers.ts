/** Loaded once by `npm test`, around all files: their servers start and stop with the run, not with each file. */
import { holdTestServers } from './postgres.ts';

/** As many as files run at a time. */
const servers = 3;
let stop: (() => Promise<void>) | undefined;

export async function globalSetup(): Promise<void> {
  stop = await holdTestServers(servers);
}

export async function globalTeardown(): Promise<void> {
  await stop?.();
}
