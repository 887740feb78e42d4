import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from '../api.ts';
import type { GetAnalyticsPopularityAnswer, GetAnalyticsSalesAnswer } from '../api-answers.ts';
import { quoteValue } from './sales-view.ts';

export const kinds = ['week', 'month', 'year', 'all'] as const;
export type Kind = (typeof kinds)[number];
export type By = 'category' | 'product';
export type Range = { from: string; to: string } | undefined;
export type SalesRow = GetAnalyticsSalesAnswer['rows'][number];

const isoDay = (date: Date) => date.toISOString().slice(0, 10);
const utc = (year: number, month: number, day: number) => new Date(Date.UTC(year, month, day));

/** The calendar period of a date, since customers are counted by whole ones; undefined for all time. */
export function periodOf(kind: Kind, date: string): Range {
  const day = new Date(`${date}T00:00:00Z`);
  const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()];
  if (kind === 'all') return undefined;
  if (kind === 'year') return { from: isoDay(utc(year, 0, 1)), to: isoDay(utc(year, 11, 31)) };
  if (kind === 'month') return { from: isoDay(utc(year, month, 1)), to: isoDay(utc(year, month + 1, 0)) };
  const monday = utc(year, month, day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  return { from: isoDay(monday), to: isoDay(new Date(monday.getTime() + 6 * 86_400_000)) };
}

/** The first day of the period before or after. */
export function stepPeriod(kind: Kind, date: string, steps: 1 | -1): string {
  const range = periodOf(kind, date);
  if (range === undefined) return date;
  const next = new Date(`${steps === 1 ? range.to : range.from}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + steps);
  return periodOf(kind, isoDay(next))!.from;
}

export const idOf = (row: SalesRow, by: By) => (by === 'category' ? row.category! : row.product_id!);
export const nameOf = (row: SalesRow, by: By) =>
  by === 'category' ? row.category! : (row.product_name ?? row.product_id!);

const mostRows = 2_000;
const shownShares = 8;

export function usePopularity(by: By, range: Range, enabled: boolean) {
  const query = { by, ...range, limit: shownShares };
  return useQuery({
    queryKey: ['popularity', query],
    enabled,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      request<GetAnalyticsPopularityAnswer>('/api/analytics/popularity', { query, signal }),
  });
}

/** The sums of every product or category, the best first. */
export function useRanking(by: By, range: Range) {
  const query = { granularity: 'total', group_by: by, ...range, order: '-net', limit: mostRows };
  return useQuery({
    queryKey: ['sales', 'ranking', query],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => request<GetAnalyticsSalesAnswer>('/api/analytics/sales', { query, signal }),
  });
}

/** The same against the period before: up to yesterday where it still runs, since products are kept by day. */
export function useMoves(by: By, range: NonNullable<Range>, today: string) {
  const yesterday = isoDay(new Date(Date.parse(`${today}T00:00:00Z`) - 86_400_000));
  const [to] = [range.to, yesterday].sort() as [string, string];
  const query = {
    granularity: 'total',
    group_by: by,
    from: range.from,
    to,
    compare: 'previous',
    limit: mostRows,
  };
  return useQuery({
    queryKey: ['sales', 'moves', query],
    enabled: range.from <= to,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => request<GetAnalyticsSalesAnswer>('/api/analytics/sales', { query, signal }),
  });
}

/** How a few of them went from step to step. */
export function useTrend(by: By, kind: Kind, range: Range, ids: readonly string[]) {
  const granularity = kind === 'year' || kind === 'all' ? 'month' : 'day';
  const filter = { [by === 'category' ? 'category' : 'product_id']: ids.map(quoteValue).join(',') };
  const query = { granularity, group_by: by, ...range, ...filter };
  return useQuery({
    queryKey: ['sales', 'trend', query],
    enabled: ids.length > 0,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => request<GetAnalyticsSalesAnswer>('/api/analytics/sales', { query, signal }),
  });
}
