import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import type { GetAuditsAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { CheckField } from '../parts/field.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Card } from '../parts/page.tsx';
import { Pager, useCursor } from '../parts/pager.tsx';
import { Table } from '../parts/table.tsx';
import { Link } from '../router.tsx';
import { useWords } from '../words.ts';
import { healthWords } from './health-words.ts';

type Difference = GetAuditsAnswer['results'][number]['differences'][number];

/** What the hourly audits looked at and found. */
export function Audits() {
  const words = useWords(healthWords);
  const format = useFormat();
  const [onlyDifferent, setOnlyDifferent] = useState(false);
  const [cursor, move] = useCursor(String(onlyDifferent));
  const query = { cursor, differences_only: onlyDifferent, limit: 10 };
  const audits = useQuery({
    queryKey: ['audits', query],
    queryFn: ({ signal }) => request<GetAuditsAnswer>('/api/audits/', { query, signal }),
  });
  return (
    <Card
      title={words.audits}
      actions={<CheckField label={words.onlyDifferent} checked={onlyDifferent} onChange={setOnlyDifferent} />}
    >
      <Answer of={audits}>
        {({ results, next_cursor }) =>
          results.length === 0 ? (
            <EmptyState title={words.auditsNone} icon="check">
              {words.auditsNoneText} <Link to="jobs">{words.toJobs}</Link>
            </EmptyState>
          ) : (
            <>
              <Table
                label={words.audits}
                rows={results}
                rowKey={({ audit_id }) => String(audit_id)}
                columns={[
                  {
                    name: 'finished',
                    title: words.finished,
                    cell: (audit) => <Moment at={audit.finished_at} />,
                  },
                  { name: 'days', title: words.days, numeric: true, cell: ({ days }) => format.number(days) },
                  {
                    name: 'sales',
                    title: words.sales,
                    numeric: true,
                    cell: ({ sales }) => format.number(sales),
                  },
                  {
                    name: 'differences',
                    title: words.differences,
                    cell: ({ differences }) => <Differences differences={differences} />,
                  },
                ]}
              />
              <Pager cursor={cursor} next={next_cursor} onMove={move} />
            </>
          )
        }
      </Answer>
    </Card>
  );
}

function Differences({ differences }: { differences: readonly Difference[] }) {
  const words = useWords(healthWords);
  if (differences.length === 0) return <Badge tone="good">{words.none}</Badge>;
  return (
    <details>
      <summary>
        <Badge tone="bad">{differences.length}</Badge>
      </summary>
      <Table
        label={words.differences}
        rows={differences}
        rowKey={({ table, key, figure }) => `${table} ${key} ${figure}`}
        columns={[
          {
            name: 'what',
            title: words.difference,
            cell: ({ table, key, figure }) => `${table} ${key} ${figure}`,
          },
          { name: 'expected', title: words.expected, numeric: true, cell: ({ expected }) => expected },
          { name: 'found', title: words.found, numeric: true, cell: ({ found }) => found },
        ]}
      />
      <p className="muted">{words.rebuild}</p>
    </details>
  );
}
