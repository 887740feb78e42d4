import { Segments, SelectField, TextField } from '../parts/field.tsx';
import { Card } from '../parts/page.tsx';
import { usePlaces } from '../places.ts';
import { useWords } from '../words.ts';
import { type Offered, useOffered } from './sales-data.ts';
import {
  comparisons,
  granularities,
  groups,
  periods,
  type SalesQuestion,
  type SalesView,
  salesDefaults,
} from './sales-view.ts';
import { salesWords } from './sales-words.ts';

type Properties = {
  view: SalesView;
  setView: (changes: Partial<SalesView>, options?: { replace?: boolean }) => void;
  question: SalesQuestion;
  /** Whether to ask what there is to choose from: after the figures, which are waited for. */
  isOffering: boolean;
};

const sources = ['receipt', 'transaction', 'order', 'daily'] as const;
const filtered = ['place', 'category', 'product', 'payment', 'source'] as const;

/** What is asked: period, steps, groups, comparison and filters. */
export function SalesFilters({ view, setView, question, isOffering }: Properties) {
  const words = useWords(salesWords);
  const period = periods.find((one) => one === view.period) ?? '30d';
  return (
    <Card className="sales-filters">
      <div className="toolbar">
        <Segments
          label={words.period}
          value={period}
          choices={periods.map((value) => ({ value, label: words.periods[value] }))}
          onChange={(value) =>
            setView(
              value === 'custom'
                ? { period: value, from: question.from, to: question.to, granularity: '' }
                : { period: value, from: '', to: '', granularity: '' },
            )
          }
        />
        {period === 'custom' && (
          <>
            <TextField
              label={words.from}
              type="date"
              value={view.from}
              onChange={(from) => setView({ from }, { replace: true })}
            />
            <TextField
              label={words.to}
              type="date"
              value={view.to}
              onChange={(to) => setView({ to }, { replace: true })}
            />
          </>
        )}
      </div>
      <div className="sales-selects">
        <SelectField
          label={words.granularity}
          value={question.granularity}
          choices={granularities.map((value) => ({ value, label: words.granularities[value] }))}
          onChange={(granularity) => setView({ granularity })}
        />
        <SelectField
          label={words.group}
          value={chosen(groups, view.group, '')}
          choices={groups.map((value) => ({ value, label: words.groups[value] }))}
          onChange={(group) => setView({ group, order: '' })}
        />
        <SelectField
          label={words.compare}
          hint={useCompareHint(view, question)}
          value={chosen(comparisons, view.compare, '')}
          choices={comparisons.map((value) => ({ value, label: words.comparisons[value] }))}
          onChange={(compare) => setView({ compare })}
        />
        <Filters {...{ view, setView, question, isOffering }} />
        {filtered.some((name) => view[name] !== '') && (
          <button
            type="button"
            className="button sales-reset"
            onClick={() => setView(Object.fromEntries(filtered.map((name) => [name, salesDefaults[name]])))}
          >
            {words.reset}
          </button>
        )}
      </div>
    </Card>
  );
}

function Filters({ view, setView, question, isOffering }: Properties) {
  const words = useWords(salesWords);
  const places = usePlaces(isOffering)
    .data?.map(({ place_id, place_name }): Offered => ({ value: place_id, label: place_name }))
    .sort((a, b) => a.label.localeCompare(b.label));
  const categories = useOffered(question, 'category', isOffering);
  const products = useOffered(question, 'product', isOffering);
  const payments = useOffered(question, 'payment_method', isOffering);
  const offered: [(typeof filtered)[number], readonly Offered[] | undefined][] = [
    ['place', places],
    ['category', categories.data],
    ['product', products.data],
    ['payment', payments.data],
    ['source', sources.map((value) => ({ value, label: words.sources[value] }))],
  ];
  return offered.map(([name, values = []]) => (
    <SelectField
      key={name}
      label={words[name]}
      value={view[name]}
      choices={withChosen([{ value: '', label: words.everything }, ...values], view[name])}
      onChange={(value) => setView({ [name]: value })}
    />
  ));
}

/** What an address names is shown also where the period has nothing of it. */
function withChosen(choices: Offered[], chosen: string): Offered[] {
  if (choices.some(({ value }) => value === chosen)) return choices;
  return [...choices, { value: chosen, label: chosen }];
}

/** Why the comparison that was chosen is not there. */
function useCompareHint(view: SalesView, question: SalesQuestion): string | undefined {
  const words = useWords(salesWords);
  if (view.compare === '' || question.compare !== undefined) return undefined;
  const hasDates = question.from !== '' && question.to !== '';
  return hasDates ? words.compareNeedsYesterday : words.compareNeedsDates;
}

function chosen<T extends string>(all: readonly T[], value: string, fallback: T): T {
  return all.find((one) => one === value) ?? fallback;
}
