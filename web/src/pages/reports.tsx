import '../styles/manage.css';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import type { GetReportsAnswer } from '../api-answers.ts';
import { type Format, useFormat } from '../format.ts';
import { type PageProps, pageNames } from '../pages.ts';
import { Badge, type Tone } from '../parts/badge.tsx';
import { Icon } from '../parts/icon.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Pager, useCursor } from '../parts/pager.tsx';
import { Table } from '../parts/table.tsx';
import { Link, navigate, pathOf } from '../router.tsx';
import { useWords } from '../words.ts';
import { AskReport } from './reports-ask.tsx';
import { OneReport } from './reports-one.tsx';
import { reportsWords } from './reports-words.ts';

export type Report = GetReportsAnswer['results'][number];
type ReportStatus = Report['status'];

export const statusTones: Record<ReportStatus, Tone> = { queued: 'neutral', writing: 'accent', done: 'good' };
const lookEveryMs = 3_000;

export function periodOf({ from, to }: Pick<Report, 'from' | 'to'>, format: Format): string {
  return from === to ? format.day(from) : `${format.day(from)} – ${format.day(to)}`;
}

export function ReportsPage({ rest }: PageProps) {
  const [id] = rest;
  return id === undefined ? <ReportList /> : <OneReport key={id} id={id} />;
}

function ReportList() {
  const names = useWords(pageNames);
  const words = useWords(reportsWords);
  const [asking, setAsking] = useState(false);
  const [cursor, move] = useCursor('reports');
  const query = { cursor, limit: 25 };
  const reports = useQuery({
    queryKey: ['reports', query],
    queryFn: ({ signal }) => request<GetReportsAnswer>('/api/reports/', { query, signal }),
    refetchInterval: lookEveryMs,
  });
  const ask = (
    <button type="button" className="button button-primary" onClick={() => setAsking(true)}>
      <Icon name="plus" />
      {words.ask}
    </button>
  );
  return (
    <Page title={names.reports} lead={words.lead} actions={ask}>
      <Card title={words.list}>
        <Answer of={reports}>
          {({ results, next_cursor }) =>
            results.length === 0 ? (
              <EmptyState title={words.none} icon="page">
                {words.noneText}
              </EmptyState>
            ) : (
              <>
                <ReportTable reports={results} />
                <Pager cursor={cursor} next={next_cursor} onMove={move} />
              </>
            )
          }
        </Answer>
      </Card>
      {asking && (
        <AskReport
          onClose={() => setAsking(false)}
          onDone={(id) => navigate(pathOf('reports', String(id)))}
        />
      )}
    </Page>
  );
}

function ReportTable({ reports }: { reports: readonly Report[] }) {
  const words = useWords(reportsWords);
  const format = useFormat();
  return (
    <Table
      label={words.list}
      rows={reports}
      rowKey={({ id }) => String(id)}
      columns={[
        {
          name: 'period',
          title: words.period,
          cell: (report) => <Link to={pathOf('reports', String(report.id))}>{periodOf(report, format)}</Link>,
        },
        { name: 'place', title: words.place, cell: ({ place_id }) => place_id ?? words.allPlaces },
        {
          name: 'status',
          title: words.status,
          cell: ({ status }) => <Badge tone={statusTones[status]}>{words.statuses[status]}</Badge>,
        },
        { name: 'language', title: words.language, cell: ({ language }) => words.languages[language] },
        {
          name: 'basis',
          title: words.basis,
          cell: ({ basis }) => (basis === null ? '' : words.bases[basis]),
        },
        { name: 'origin', title: words.origin, cell: ({ origin }) => words.origins[origin] },
        { name: 'made', title: words.made, cell: ({ create_date }) => <Moment at={create_date} /> },
      ]}
    />
  );
}
