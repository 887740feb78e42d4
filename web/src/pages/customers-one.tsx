import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import type { GetCustomersIdAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { Figure } from '../parts/facts.tsx';
import { Icon } from '../parts/icon.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Table } from '../parts/table.tsx';
import { Link } from '../router.tsx';
import { useRole } from '../session.ts';
import { useWords } from '../words.ts';
import type { Counter } from './customers.tsx';
import { EraseCustomer } from './customers-erase.tsx';
import { customersWords } from './customers-words.ts';

type Customer = GetCustomersIdAnswer;
type Tagged = Customer['tags'][number];
type Sale = Customer['last_sales'][number];

/** The story of one customer: sums, tags with what decided them, and the last sales. */
export function OneCustomer({ id }: { id: string }) {
  const words = useWords(customersWords);
  const format = useFormat();
  const mayErase = useRole('admin');
  const [erasing, setErasing] = useState(false);
  const customer = useQuery({
    queryKey: ['customer', id],
    queryFn: ({ signal }) => request<Customer>(`/api/customers/${encodeURIComponent(id)}`, { signal }),
  });
  const { data } = customer;
  return (
    <Page
      title={data?.customer_name ?? id}
      lead={
        <>
          <Link to="customers">{words.back}</Link>
          {data !== undefined && (
            <>
              {' · '}
              <code>{data.customer_id}</code> · {words.asOf(format.moment(data.as_of))}
            </>
          )}
        </>
      }
      actions={
        mayErase &&
        data !== undefined && (
          <button type="button" className="button" onClick={() => setErasing(true)}>
            <Icon name="cross" />
            {words.erase}
          </button>
        )
      }
    >
      <Answer of={customer}>{(found) => <Story customer={found} />}</Answer>
      {erasing && <EraseCustomer id={id} onClose={() => setErasing(false)} />}
    </Page>
  );
}

function Story({ customer }: { customer: Customer }) {
  const words = useWords(customersWords);
  const format = useFormat();
  const { counters, categories, products, tags, last_sales: sales } = customer;
  return (
    <>
      <div className="grid-figures">
        {counters.map(({ currency, orders, units, spent }) => (
          <Figure
            key={currency}
            name={words.spent}
            value={format.money(spent, currency)}
            note={`${words.orders}: ${format.number(orders)} · ${words.units}: ${format.number(units)}`}
          />
        ))}
      </div>
      <Card title={words.story}>
        {tags.length === 0 ? (
          <p className="muted">{words.storyNone}</p>
        ) : (
          <ul className="drivers">
            {tags.map((tag) => (
              <TagLine
                key={tag.tag}
                tag={tag}
                // Of several it is not told which one the rule is about.
                currency={counters.length === 1 ? counters[0]?.currency : undefined}
              />
            ))}
          </ul>
        )}
      </Card>
      <div className="grid-halves">
        <Card title={words.categories}>
          <Counters
            label={words.categories}
            title={words.category}
            rows={categories.map((row) => ({ ...row, name: row.category }))}
          />
        </Card>
        <Card title={words.products}>
          <Counters
            label={words.products}
            title={words.product}
            rows={products.map((row) => ({ ...row, name: row.product_name ?? row.product_id }))}
          />
        </Card>
      </div>
      <Card title={words.sales}>
        <LastSales sales={sales} />
      </Card>
    </>
  );
}

function TagLine({ tag, currency }: { tag: Tagged; currency: string | undefined }) {
  const words = useWords(customersWords);
  const format = useFormat();
  const { metric, value, sale, decided_at } = tag;
  const shown =
    metric === 'spent' && currency !== undefined ? format.money(value, currency) : format.number(value);
  const decided = sale === null ? words.decidedByRule : words.decidedBy(`${sale.source} ${sale.id}`);
  return (
    <li>
      <span>
        <Badge tone="accent">{tag.tag}</Badge>
      </span>
      <span className="muted">{format.moment(decided_at)}</span>
      <p className="muted">{words.because[metric]?.(shown, decided) ?? `${metric} ${shown}${decided}`}</p>
    </li>
  );
}

type CountersProperties = { label: string; title: string; rows: readonly (Counter & { name: string })[] };

function Counters({ label, title, rows }: CountersProperties) {
  const words = useWords(customersWords);
  const format = useFormat();
  if (rows.length === 0) return <EmptyState title={words.nothing} />;
  return (
    <Table
      label={label}
      rows={rows}
      rowKey={({ name, currency }) => `${name} ${currency}`}
      columns={[
        { name: 'name', title, cell: ({ name }) => name },
        { name: 'orders', title: words.orders, numeric: true, cell: ({ orders }) => format.number(orders) },
        { name: 'units', title: words.units, numeric: true, cell: ({ units }) => format.number(units) },
        {
          name: 'spent',
          title: words.spent,
          numeric: true,
          cell: ({ spent, currency }) => format.money(spent, currency),
        },
      ]}
    />
  );
}

function LastSales({ sales }: { sales: readonly Sale[] }) {
  const words = useWords(customersWords);
  const format = useFormat();
  if (sales.length === 0) return <EmptyState title={words.nothing} />;
  return (
    <Table
      label={words.sales}
      rows={sales}
      rowKey={({ source, id, place_id }) => `${source} ${id} ${place_id}`}
      columns={[
        { name: 'day', title: words.day, cell: ({ business_date }) => format.day(business_date) },
        {
          name: 'sale',
          title: words.sale,
          cell: ({ source, id, type }) => (
            <>
              {source} <code>{id}</code> {type === 'refund' && <Badge tone="warning">{words.refund}</Badge>}
            </>
          ),
        },
        { name: 'place', title: words.place, cell: ({ place_id }) => place_id },
        {
          name: 'total',
          title: words.total,
          numeric: true,
          cell: ({ total, currency }) => format.money(total, currency),
        },
      ]}
    />
  );
}
