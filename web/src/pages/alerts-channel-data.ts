import { useQuery } from '@tanstack/react-query';
import { request } from '../api.ts';
import type { GetChannelsAnswer } from '../api-answers.ts';

export type Channel = GetChannelsAnswer['results'][number];

const mostChannels = 1_000;

/** Where alerts can be sent. */
export function useChannels() {
  return useQuery({
    queryKey: ['channels'],
    queryFn: async ({ signal }): Promise<readonly Channel[]> => {
      const query = { limit: mostChannels };
      return (await request<GetChannelsAnswer>('/api/channels/', { query, signal })).results;
    },
  });
}
