import { useQuery } from '@tanstack/react-query';
import { request } from './api.ts';
import type { GetPlacesAnswer } from './api-answers.ts';

export type Place = GetPlacesAnswer['results'][number];

const mostPlaces = 1_000;
const staleMs = 300_000;

/** The places that the token may see, asked for once for all pages. */
export function usePlaces(enabled = true) {
  return useQuery({
    queryKey: ['places'],
    enabled,
    staleTime: staleMs,
    queryFn: async ({ signal }): Promise<readonly Place[]> => {
      const query = { limit: mostPlaces };
      return (await request<GetPlacesAnswer>('/api/places/', { query, signal })).results;
    },
  });
}
