import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { request } from '../api.ts';
import type { GetAnalyticsPulseAnswer, GetAnalyticsSalesAnswer } from '../api-answers.ts';
import type { LivePlace } from '../live-sales.ts';
import { usePlaces } from '../places.ts';
import { quoteValue } from './sales-view.ts';

export type Before = { net: number; receipts: number; average_receipt: number | null };
/** What the places of one currency sold on their current business dates, added up. */
export type Totals = Record<'net' | 'sales' | 'refunds' | 'receipts' | 'nds' | 'tips', number> & {
  average_receipt: number | null;
};

/** Of a thousand places around the clock. */
const mostHours = 50_000;
const refreshMs = 60_000;
const afterEventMs = 4_000;

export function addDays(date: string, days: number): string {
  const day = new Date(`${date}T00:00:00Z`);
  day.setUTCDate(day.getUTCDate() + days);
  return day.toISOString().slice(0, 10);
}

export function totalsOf(places: readonly LivePlace[]): Totals {
  const sum = (name: keyof Omit<Totals, 'average_receipt'>) =>
    places.reduce((total, place) => total + place[name], 0);
  const [sales, receipts] = [sum('sales'), sum('receipts')];
  return {
    ...{ sales, receipts, net: sum('net'), refunds: sum('refunds'), nds: sum('nds'), tips: sum('tips') },
    average_receipt: receipts === 0 ? null : sales / receipts,
  };
}

/** The currency of most places first; what is sold in several currencies is never added up. */
export function currenciesOf(places: readonly LivePlace[]): string[] {
  const count = Map.groupBy(places, ({ currency }) => currency);
  return [...count.keys()].sort((a, b) => count.get(b)!.length - count.get(a)!.length || a.localeCompare(b));
}

/** The business date that most places are on; those of another zone may be on the next. */
export function dateOf(places: readonly LivePlace[]): string | undefined {
  const count = Map.groupBy(places, ({ business_date }) => business_date);
  return [...count.keys()].sort((a, b) => count.get(b)!.length - count.get(a)!.length)[0];
}

/** Asks again after live figures moved, though not at each of them. */
function useRefreshed(moved: unknown, key: string): void {
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const known = useRef(moved);
  useEffect(() => {
    if (moved === known.current || timer.current !== undefined) return;
    known.current = moved;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      void client.invalidateQueries({ queryKey: [key] });
    }, afterEventMs);
  }, [moved, key, client]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
}

/** The same weekday a week ago, up to the same local time, by place. */
export function useWeekBefore(date: string | undefined) {
  return useQuery({
    queryKey: ['week-before', date],
    enabled: date !== undefined,
    refetchInterval: refreshMs,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const query = { granularity: 'total', group_by: 'place', compare: 'last_week', from: date, to: date };
      return request<GetAnalyticsSalesAnswer>('/api/analytics/sales', { query, signal });
    },
  });
}

/** Both days by the hour, of each place by its own clock. */
export function useHours(date: string | undefined, moved: readonly LivePlace[]) {
  const placeId = moved.length === 1 ? moved[0]!.place_id : undefined;
  const places = usePlaces();
  const zones = new Set(places.data?.map(({ time_zone }) => time_zone));
  // Hours of places in one zone come added up.
  const group_by = placeId === undefined && zones.size > 1 ? 'place' : undefined;
  useRefreshed(moved, 'today-hours');
  const ask = (day: string, signal: AbortSignal) => {
    const place_id = placeId === undefined ? undefined : quoteValue(placeId);
    const query = { granularity: 'hour', group_by, from: day, to: day, place_id, limit: mostHours };
    return request<GetAnalyticsSalesAnswer>('/api/analytics/sales', { query, signal });
  };
  return useQuery({
    queryKey: ['today-hours', date, placeId, group_by],
    enabled: date !== undefined && !places.isPending,
    refetchInterval: refreshMs,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const [now, before] = await Promise.all([ask(date!, signal), ask(addDays(date!, -7), signal)]);
      return { now: now.rows, before: before.rows };
    },
  });
}

export function usePulse(moved: unknown) {
  useRefreshed(moved, 'pulse');
  return useQuery({
    queryKey: ['pulse'],
    refetchInterval: refreshMs,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      request<GetAnalyticsPulseAnswer>('/api/analytics/pulse', { query: { hours: 3 }, signal }),
  });
}
