import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from '../api.ts';
import type { GetAnalyticsSalesAnswer } from '../api-answers.ts';
import { type Granularity, type Group, groupColumns, quoteValue, type SalesQuestion } from './sales-view.ts';

export type SalesRow = GetAnalyticsSalesAnswer['rows'][number];

/** So many lines can be told apart. */
export const drawnGroups = 8;
const rankedGroups = 200;
const offeredValues = 300;
const pageRows = 100;

const ask = (query: Record<string, string | number | undefined>, signal: AbortSignal) =>
  request<GetAnalyticsSalesAnswer>('/api/analytics/sales', { query, signal });

/** The sum of the period, with what it is compared with. */
export function useSum(question: SalesQuestion) {
  const query = { ...question, granularity: 'total', group_by: undefined };
  return useQuery({
    queryKey: ['sales', 'sum', query],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => ask(query, signal),
  });
}

/** The rows of a drawing: of a grouped one those of the largest groups of the currency. */
export function useDrawn(
  question: SalesQuestion,
  currency: string | undefined,
  measure: string,
  isShown: boolean,
) {
  const { group_by: group, granularity } = question;
  return useQuery({
    queryKey: ['sales', 'drawn', question, ...(group === undefined ? [] : [currency, measure])],
    // The largest groups are those of one currency, which the sum tells.
    enabled: isShown && (group === undefined || currency !== undefined),
    placeholderData: keepPreviousData,
    // With the question, since the rows of the one before are shown until those of the next are there.
    queryFn: async ({ signal }) => ({ question, rows: (await askDrawn(signal)).rows }),
  });
  async function askDrawn(signal: AbortSignal): Promise<GetAnalyticsSalesAnswer> {
    if (group === undefined) return await ask({ ...question, limit: 10_000 }, signal);
    const { id } = groupColumns[group as Exclude<Group, ''>];
    const ranking = { ...question, granularity: 'total', order: `-${measure}`, limit: rankedGroups };
    const ranked = await ask(ranking, signal);
    if (granularity === 'total') return ranked;
    const largest = ranked.rows
      .filter((row) => currency === undefined || row.currency === currency)
      .slice(0, drawnGroups)
      .map((row) => quoteValue(String(row[id])));
    if (largest.length === 0) return ranked;
    // Lines of many groups with what they are compared with would be twice as many.
    return await ask({ ...question, compare: undefined, [id]: largest.join(','), limit: 10_000 }, signal);
  }
}

/** A page of the table, in the order that the reader chose. */
export function useTable(question: SalesQuestion, order: string, cursor: string | undefined) {
  const query = { ...question, order, cursor, limit: pageRows };
  return useQuery({
    queryKey: ['sales', 'table', query],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => ask(query, signal),
  });
}

export type Offered = { value: string; label: string };

/** What can be filtered by in the period, the largest first. */
export function useOffered(question: SalesQuestion, group: Exclude<Group, ''>, enabled: boolean) {
  const { from, to } = question;
  const { id, name } = groupColumns[group];
  const query = { granularity: 'total' satisfies Granularity, group_by: group, from, to, order: '-sales' };
  return useQuery({
    queryKey: ['sales', 'offered', query],
    enabled,
    placeholderData: keepPreviousData,
    staleTime: 300_000,
    queryFn: async ({ signal }) => {
      const { rows } = await ask({ ...query, limit: offeredValues }, signal);
      const offered = new Map(rows.map((row) => [String(row[id]), String(row[name] ?? row[id])]));
      return [...offered].map(([value, label]): Offered => ({ value, label }));
    },
  });
}
