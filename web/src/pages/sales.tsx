import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from '../api.ts';
import { useFormat } from '../format.ts';
import { pageNames } from '../pages.ts';
import { Chart } from '../parts/chart.tsx';
import { TextField } from '../parts/field.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { useQueryState } from '../router.tsx';
import { defineWords, useWords } from '../words.ts';

type Row = { period: string; currency: string; net: number };

const defaults = { from: '', to: '' };
const salesWords = defineWords({
  en: { from: 'From', to: 'To', month: 'Month', net: 'Net', none: 'No sales in this period' },
  ru: { from: 'С', to: 'По', month: 'Месяц', net: 'Выручка', none: 'За этот период продаж нет' },
});

export function SalesPage() {
  const names = useWords(pageNames);
  const words = useWords(salesWords);
  const format = useFormat();
  const [view, setView] = useQueryState(defaults);
  const query = { ...view, granularity: 'month' };
  const sales = useQuery({
    queryKey: ['sales', query],
    queryFn: ({ signal }) => request<{ rows: Row[] }>('/api/analytics/sales', { query, signal }),
    placeholderData: keepPreviousData,
  });
  return (
    <Page title={names.sales}>
      <div className="toolbar">
        <TextField label={words.from} type="date" value={view.from} onChange={(from) => setView({ from })} />
        <TextField label={words.to} type="date" value={view.to} onChange={(to) => setView({ to })} />
      </div>
      <Card title={words.net}>
        <Answer of={sales}>
          {({ rows }) =>
            rows.length === 0 ? (
              <EmptyState title={words.none} />
            ) : (
              <Chart
                label={words.net}
                labelsTitle={words.month}
                labels={rows.map(({ period }) => format.period(period))}
                series={[{ name: words.net, values: rows.map(({ net }) => net) }]}
                format={(value) => format.money(value, rows[0]!.currency)}
                kind="bar"
              />
            )
          }
        </Answer>
      </Card>
    </Page>
  );
}
