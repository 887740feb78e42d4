import { fillPeriods } from '../fill-periods.ts';
import { useFormat } from '../format.ts';
import { Chart, type ChartSeries } from '../parts/chart.tsx';
import { EmptyState } from '../parts/notice.tsx';
import { useWords } from '../words.ts';
import { drawnGroups, type SalesRow } from './sales-data.ts';
import { type Group, groupColumns, moneyMeasures, type SalesQuestion } from './sales-view.ts';
import { salesWords } from './sales-words.ts';

type Properties = {
  question: SalesQuestion;
  rows: readonly SalesRow[];
  currency: string;
  measure: string;
  kind: 'line' | 'bar';
};

const heightPx = 380;

/** The rows of one currency: by period, or, for the whole period, by group. */
export function SalesChart({ question, rows, currency, measure, kind }: Properties) {
  const words = useWords(salesWords);
  const format = useFormat();
  const own = rows.filter((row) => row.currency === currency);
  if (own.length === 0) return <EmptyState title={words.none}>{words.noneHint}</EmptyState>;
  const isMoney = (moneyMeasures as readonly string[]).includes(measure);
  const group = question.group_by as Exclude<Group, ''> | undefined;
  const label = words.measures[measure as keyof typeof words.measures];
  const formats = {
    format: (value: number) => (isMoney ? format.money(value, currency) : format.number(value)),
    formatAxis: (value: number) => (isMoney ? format.shortMoney(value, currency) : format.shortNumber(value)),
  };
  if (question.granularity === 'total') {
    const shown = own.slice(0, 30);
    const names = shown.map((row) => (group === undefined ? label : nameOf(row, group)));
    return (
      <Chart
        {...formats}
        label={label}
        labelsTitle={words.group}
        labels={names}
        series={withPast(shown, measure, label, words.before)}
        kind="bar"
        horizontal
        heightPx={Math.max(160, shown.length * 34 + 60)}
      />
    );
  }
  const periods = fillPeriods(own.map((row) => row.period!));
  return (
    <>
      <Chart
        {...formats}
        {...{ label, kind, heightPx }}
        labelsTitle={words.periodColumn}
        labels={periods.map((period) => format.shortPeriod(period))}
        series={
          group === undefined
            ? withPast(alignTo(periods, own), measure, label, words.before)
            : groupSeries(periods, own, group, measure)
        }
        stacked={group !== undefined && kind === 'bar' && addsUp(group, measure)}
      />
      {group !== undefined && <p className="muted small">{words.topOnly(drawnGroups)}</p>}
    </>
  );
}

/** A receipt may have two categories, and a place two groups: their bars on top of each other would be of no sum. */
const addsUp = (group: Exclude<Group, ''>, measure: string) =>
  measure !== 'average_receipt' &&
  group !== 'group' &&
  (measure !== 'receipts' || (group !== 'product' && group !== 'category'));

const nameOf = (row: SalesRow, group: Exclude<Group, ''>) => row[groupColumns[group].name] ?? '–';

function alignTo(periods: readonly string[], rows: readonly SalesRow[]): (SalesRow | undefined)[] {
  const byPeriod = new Map(rows.map((row) => [row.period, row]));
  return periods.map((period) => byPeriod.get(period));
}

type Figures = Record<string, unknown>;
/** Where there is no row, nothing was sold, which has no average; a figure that does not add up is null. */
const figureOf = (row: Figures | null | undefined, measure: string): number | null => {
  if (row === null || row === undefined) return measure === 'average_receipt' ? null : 0;
  const value = row[measure];
  return typeof value === 'number' ? value : null;
};

function withPast(
  rows: readonly (SalesRow | undefined)[],
  measure: string,
  name: string,
  before: string,
): ChartSeries[] {
  const now = { name, values: rows.map((row) => figureOf(row, measure)) };
  if (rows.every((row) => row?.previous === undefined || row.previous === null)) return [now];
  const values = rows.map((row) => figureOf(row?.previous, measure));
  return [now, { name: `${name}, ${before}`, values, isPast: true }];
}

/** One line a group, in the order of their sums. */
function groupSeries(
  periods: readonly string[],
  rows: readonly SalesRow[],
  group: Exclude<Group, ''>,
  measure: string,
): ChartSeries[] {
  const byGroup = Map.groupBy(rows, (row) => String(row[groupColumns[group].id]));
  const sum = (some: readonly SalesRow[]) =>
    some.reduce((total, row) => total + (figureOf(row, measure) ?? 0), 0);
  return [...byGroup.values()]
    .sort((a, b) => sum(b) - sum(a))
    .slice(0, drawnGroups)
    .map((some) => ({
      name: nameOf(some[0]!, group),
      values: alignTo(periods, some).map((row) => figureOf(row, measure)),
    }));
}
