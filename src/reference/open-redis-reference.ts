import { createLateJobs } from '../jobs/late-jobs.ts';
import { openRedis, type RedisConfig } from './redis-client.ts';
import { createRedisReference, type RedisReference, type RedisReferenceDeps } from './redis-reference.ts';

/** Redis is given this long to answer before the first batch loads without it. */
const firstConnectionMs = 1_000;

/** Connects to Redis, or starts trying to: that it does not answer is no reason not to start. */
export async function openRedisReference(
  config: RedisConfig,
  deps: Omit<RedisReferenceDeps, 'redis' | 'jobs'> & { connectionString: string },
): Promise<RedisReference & { close(): Promise<void> }> {
  const { connectionString, log } = deps;
  const redis = openRedis(config, log);
  const jobs = createLateJobs({ connectionString, log });
  await redis.settled(firstConnectionMs);
  return {
    ...createRedisReference({ ...deps, redis, jobs }),
    async close() {
      await redis.close();
      await jobs.stop();
    },
  };
}
