import { useMemo } from 'react';
import { pageNames } from '../pages.ts';
import { DownloadButton } from '../parts/download-button.tsx';
import { Segments, SelectField } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { useQueryState } from '../router.tsx';
import { useWords } from '../words.ts';
import { SalesChart } from './sales-chart.tsx';
import { useDrawn, useSum } from './sales-data.ts';
import { SalesFilters } from './sales-filters.tsx';
import { SalesSum } from './sales-sum.tsx';
import { SalesTable } from './sales-table.tsx';
import {
  questionOf,
  readerToday,
  type SalesQuestion,
  type SalesView,
  salesDefaults,
  views,
  wholeMeasures,
} from './sales-view.ts';
import { salesWords } from './sales-words.ts';
import '../styles/sales.css';

const icons = { line: 'line', bar: 'bars', table: 'table' } as const;

export function SalesPage() {
  const words = useWords(salesWords);
  const names = useWords(pageNames);
  const [view, setView] = useQueryState(salesDefaults);
  const question = useMemo(() => questionOf(view, readerToday()), [view]);
  const measure = wholeMeasures.find((one) => one === view.measure) ?? 'net';
  const sum = useSum(question);
  const currencies = [
    ...new Set(sum.data?.rows.toSorted((a, b) => b.units - a.units).map((row) => row.currency)),
  ];
  const currency = currencies.includes(view.currency) ? view.currency : currencies[0];
  const drawn = useDrawn(question, currency, measure, view.view !== 'table');
  return (
    <Page title={names.sales} actions={<Export question={question} />}>
      <SalesFilters {...{ view, setView, question }} isOffering={!sum.isPending && !drawn.isLoading} />
      <Answer of={sum}>
        {(data) =>
          currency === undefined ? (
            <Card>
              <EmptyState title={words.none} icon="bars">
                {words.noneHint}{' '}
                <button
                  type="button"
                  className="link"
                  onClick={() => setView({ ...salesDefaults, period: 'all' })}
                >
                  {words.periods.all}
                </button>
              </EmptyState>
            </Card>
          ) : (
            <>
              <SalesSum
                {...{ currency, currencies }}
                answer={data}
                isBusy={sum.isPlaceholderData}
                onCurrency={(value) => setView({ currency: value })}
              />
              <Drawing {...{ view, setView, question, currency, drawn, measure }} />
            </>
          )
        }
      </Answer>
    </Page>
  );
}

type DrawingProperties = {
  view: SalesView;
  setView: (changes: Partial<SalesView>, options?: { replace?: boolean }) => void;
  question: SalesQuestion;
  currency: string;
  drawn: ReturnType<typeof useDrawn>;
  measure: string;
};

function Drawing({ view, setView, question, currency, drawn, measure }: DrawingProperties) {
  const words = useWords(salesWords);
  const shown = views.find((one) => one === view.view) ?? 'line';
  return (
    <Card
      className="sales-drawing"
      isBusy={shown !== 'table' && drawn.isPlaceholderData}
      title={words.measures[measure as keyof typeof words.measures]}
      actions={
        <>
          <SelectField
            hideLabel
            label={words.measure}
            value={measure}
            choices={wholeMeasures.map((value) => ({
              value,
              label: words.measures[value as keyof typeof words.measures],
            }))}
            onChange={(value) => setView({ measure: value })}
          />
          <Segments
            label={words.view}
            value={shown}
            choices={views.map((value) => ({
              value,
              label: words.views[value],
              content: <Icon name={icons[value]} />,
            }))}
            onChange={(value) => setView({ view: value })}
          />
        </>
      }
    >
      {shown === 'table' ? (
        <SalesTable
          {...{ question }}
          order={view.order}
          onOrder={(order) => setView({ order }, { replace: true })}
        />
      ) : (
        <Answer of={drawn}>
          {(data) => <SalesChart {...{ ...data, currency, measure }} kind={shown} />}
        </Answer>
      )}
    </Card>
  );
}

function Export({ question }: { question: SalesQuestion }) {
  const words = useWords(salesWords);
  const parts = ['sales', question.granularity, question.group_by, question.from, question.to];
  const name = parts.filter((part) => part !== undefined && part !== '').join('-');
  return (['csv', 'parquet'] as const).map((format) => (
    <DownloadButton
      key={format}
      path="/api/analytics/sales"
      fileName={`${name}.${format}`}
      options={{ query: { ...question, format } }}
    >
      <span className="visually-hidden">{words.export}</span> {words[format]}
    </DownloadButton>
  ));
}
