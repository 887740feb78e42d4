import { QueryClient } from '@tanstack/react-query';
import { ApiProblem } from './api.ts';
import { reachableStore } from './connection.ts';

const firstDelayMs = 500;
const longestDelayMs = 5_000;
const staleMs = 15_000;

/** Reads that failed because the program was away are asked again, ever more slowly, until it is back. */
export function createQueryClient(): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        networkMode: 'always',
        staleTime: staleMs,
        refetchOnWindowFocus: false,
        retry: (failures, error) => error instanceof ApiProblem && error.isTemporary && failures < 30,
        retryDelay: (failures) => Math.min(longestDelayMs, firstDelayMs * 2 ** failures),
      },
      mutations: { networkMode: 'always', retry: false },
    },
  });
  reachableStore.subscribe(() => {
    if (reachableStore.get()) void client.invalidateQueries();
  });
  return client;
}
