import { fillPeriods } from '../fill-periods.ts';
import { useFormat } from '../format.ts';
import { Chart } from '../parts/chart.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Card } from '../parts/page.tsx';
import { useIdentity } from '../session.ts';
import { useWords } from '../words.ts';
import {
  type By,
  idOf,
  type Kind,
  nameOf,
  type Range,
  type SalesRow,
  usePopularity,
  useTrend,
} from './products-data.ts';
import { productsWords } from './products-words.ts';

const heightPx = 370;
const trendLines = 5;

/** What most orders and most customers have in common. */
export function Shares({ by, range }: { by: By; range: Range }) {
  const words = useWords(productsWords);
  const format = useFormat();
  const isBound = useIdentity().place_id !== null;
  const popularity = usePopularity(by, range, !isBound);
  return (
    <Card title={words.shares}>
      {isBound ? (
        <p className="muted">{words.bound}</p>
      ) : (
        <Answer of={popularity}>
          {({ rows, customers }) =>
            rows.length === 0 ? (
              <EmptyState title={words.none} />
            ) : (
              <>
                <p className="muted small">{customers === 0 ? words.noCustomers : words.sharesHint}</p>
                <Chart
                  label={words.shares}
                  labelsTitle={words.name}
                  labels={rows.map((row) => row.category ?? row.product_name ?? row.product_id ?? '')}
                  series={[
                    { name: words.ofOrders, values: rows.map((row) => row.orders_share) },
                    ...(customers === 0
                      ? []
                      : [{ name: words.ofCustomers, values: rows.map((row) => row.customers_share) }]),
                  ]}
                  kind="bar"
                  horizontal
                  format={format.share}
                  heightPx={heightPx}
                />
              </>
            )
          }
        </Answer>
      )}
    </Card>
  );
}

type TrendProperties = { by: By; kind: Kind; range: Range; currency: string; rows: readonly SalesRow[] };

export function Trend({ by, kind, range, currency, rows }: TrendProperties) {
  const words = useWords(productsWords);
  const format = useFormat();
  const best = rows.slice(0, trendLines);
  const trend = useTrend(
    by,
    kind,
    range,
    best.map((row) => idOf(row, by)),
  );
  return (
    <Card title={words.trend}>
      <p className="muted small">{words.trendHint}</p>
      <Answer of={trend}>
        {(answer) => {
          const own = answer.rows.filter((row) => row.currency === currency);
          const periods = fillPeriods(own.map((row) => row.period!));
          const found = new Map(own.map((row) => [`${row.period} ${idOf(row, by)}`, row.net]));
          return (
            <Chart
              label={`${words.trend}, ${words.trendHint}`}
              labelsTitle={words.period}
              labels={periods.map((period) => format.shortPeriod(period))}
              series={best.map((row) => ({
                name: nameOf(row, by),
                values: periods.map((period) => found.get(`${period} ${idOf(row, by)}`) ?? 0),
              }))}
              format={(value) => format.money(value, currency)}
              formatAxis={(value) => format.shortMoney(value, currency)}
              heightPx={heightPx}
            />
          );
        }}
      </Answer>
    </Card>
  );
}
