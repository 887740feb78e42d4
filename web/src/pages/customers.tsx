import '../styles/manage.css';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { request } from '../api.ts';
import type { GetCustomersAnswer, GetTagRulesAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { type PageProps, pageNames } from '../pages.ts';
import { Badge } from '../parts/badge.tsx';
import { DownloadButton } from '../parts/download-button.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Pager, useCursor } from '../parts/pager.tsx';
import { Table } from '../parts/table.tsx';
import { Link, navigate, pathOf, useQueryState } from '../router.tsx';
import { useWords } from '../words.ts';
import { OneCustomer } from './customers-one.tsx';
import { customersWords } from './customers-words.ts';

type Customer = GetCustomersAnswer['results'][number];
export type Counter = Customer['counters'][number];

const defaults = { tag: '' };
const files = [
  ['csv', 'text/csv'],
  ['parquet', 'application/vnd.apache.parquet'],
] as const;

export function CustomersPage({ rest }: PageProps) {
  const [id] = rest;
  return id === undefined ? <CustomerList /> : <OneCustomer key={id} id={id} />;
}

function CustomerList() {
  const names = useWords(pageNames);
  const words = useWords(customersWords);
  const [view, setView] = useQueryState(defaults);
  const [cursor, move] = useCursor(view.tag);
  const customers = useQuery({
    queryKey: ['customers', view.tag, cursor],
    queryFn: ({ signal }) =>
      request<GetCustomersAnswer>('/api/customers/', { query: { tag: view.tag, cursor, limit: 50 }, signal }),
    placeholderData: keepPreviousData,
  });
  const rules = useQuery({
    queryKey: ['tag-rules'],
    queryFn: ({ signal }) =>
      request<GetTagRulesAnswer>('/api/tag-rules/', { query: { limit: 1000 }, signal }),
  });
  // One of an address may have no rule any more, and customers all the same.
  const tagNames = new Set([...(rules.data?.results ?? []).map(({ tag }) => tag), view.tag]);
  const tags = [...tagNames].filter((tag) => tag !== '').map((tag) => ({ value: tag, label: tag }));
  const exports = files.map(([name, type]) => (
    <DownloadButton
      key={name}
      path="/api/customers/"
      fileName={`customers${view.tag === '' ? '' : `-${view.tag}`}.${name}`}
      options={{ query: { tag: view.tag }, headers: { accept: type } }}
    >
      {words[name]}
    </DownloadButton>
  ));
  return (
    <Page title={names.customers} lead={words.lead} actions={exports}>
      <Card title={words.list}>
        <div className="toolbar">
          <SelectField
            label={words.tag}
            value={view.tag}
            onChange={(tag) => setView({ tag })}
            choices={[{ value: '', label: words.allTags }, ...tags]}
          />
          <FindCustomer />
        </div>
        <Answer of={customers}>
          {({ results, next_cursor }) => (
            <>
              {results.length === 0 ? <Nobody tag={view.tag} /> : <CustomerTable customers={results} />}
              <Pager cursor={cursor} next={next_cursor} onMove={move} />
            </>
          )}
        </Answer>
      </Card>
    </Page>
  );
}

function Nobody({ tag }: { tag: string }) {
  const words = useWords(customersWords);
  if (tag === '')
    return (
      <EmptyState title={words.none} icon="people">
        {words.noneText}
      </EmptyState>
    );
  return (
    <EmptyState title={words.noneTagged} icon="tag">
      {words.noneTaggedText} <Link to="tags">{words.toTags}</Link>
    </EmptyState>
  );
}

function FindCustomer() {
  const words = useWords(customersWords);
  const [id, setId] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (id.trim() !== '') navigate(pathOf('customers', id.trim()));
  };
  return (
    <form className="toolbar" onSubmit={submit}>
      <TextField label={words.find} type="search" value={id} onChange={setId} />
      <button type="submit" className="button" disabled={id.trim() === ''}>
        {words.open}
      </button>
    </form>
  );
}

function CustomerTable({ customers }: { customers: readonly Customer[] }) {
  const words = useWords(customersWords);
  const format = useFormat();
  const lines = (cell: (counter: Counter) => string) => (customer: Customer) =>
    customer.counters.map((counter) => <div key={counter.currency}>{cell(counter)}</div>);
  return (
    <Table
      label={words.list}
      rows={customers}
      rowKey={({ customer_id }) => customer_id}
      columns={[
        {
          name: 'customer',
          title: words.customer,
          cell: ({ customer_id, customer_name }) => (
            <>
              <Link to={pathOf('customers', customer_id)}>{customer_name ?? customer_id}</Link>
              {customer_name !== null && (
                <>
                  <br />
                  <code className="muted">{customer_id}</code>
                </>
              )}
            </>
          ),
        },
        {
          name: 'tags',
          title: words.tags,
          cell: ({ tags }) => (
            <span className="row-actions">
              {tags.map((tag) => (
                <Badge key={tag} tone="accent">
                  {tag}
                </Badge>
              ))}
            </span>
          ),
        },
        {
          name: 'orders',
          title: words.orders,
          numeric: true,
          cell: lines(({ orders }) => format.number(orders)),
        },
        {
          name: 'units',
          title: words.units,
          numeric: true,
          cell: lines(({ units }) => format.number(units)),
        },
        {
          name: 'spent',
          title: words.spent,
          numeric: true,
          cell: lines(({ spent, currency }) => format.money(spent, currency)),
        },
      ]}
    />
  );
}
