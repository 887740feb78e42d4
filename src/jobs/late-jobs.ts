import type { Log } from '../base/log.ts';
import { createJobs, type Jobs } from './jobs.ts';

/**
 * For a part that is started before the jobs are and seldom has one to give: the connection is made with the
 * first. It works on none, so any program that runs the workers does what is queued here.
 */
export function createLateJobs(deps: { connectionString: string; log: Log }) {
  let jobs: Promise<Jobs> | undefined;
  return {
    enqueue: async (...given: Parameters<Jobs['enqueue']>): Promise<string | null> => {
      jobs ??= createJobs({ ...deps, supervise: false });
      // One that could not be made is made anew with the next job.
      const made = await jobs.catch((error) => {
        jobs = undefined;
        throw error;
      });
      return await made.enqueue(...given);
    },
    async stop(): Promise<void> {
      await (await jobs?.catch(() => undefined))?.stop();
    },
  };
}
