import '../styles/manage.css';
import { useQuery } from '@tanstack/react-query';
import { ApiProblem, readyPath, request } from '../api.ts';
import type { GetHealthAnswer, GetReadyzAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { localDay } from '../local-day.ts';
import { pageNames } from '../pages.ts';
import { Badge } from '../parts/badge.tsx';
import { Figure } from '../parts/facts.tsx';
import { Icon } from '../parts/icon.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Table } from '../parts/table.tsx';
import { useWords } from '../words.ts';
import { Audits } from './health-audits.tsx';
import { healthWords } from './health-words.ts';

type Health = GetHealthAnswer;
type Readiness = GetReadyzAnswer;

const lookEveryMs = 2_000;
const megabyte = 1_000_000;

/** An answer of 503 says what is away, which is what is asked for here. */
async function readReadiness(signal: AbortSignal): Promise<Readiness> {
  try {
    return await request<Readiness>(readyPath, { signal });
  } catch (error) {
    if (error instanceof ApiProblem && error.members.checks !== undefined)
      return error.members as unknown as Readiness;
    throw error;
  }
}

export function HealthPage() {
  const names = useWords(pageNames);
  const words = useWords(healthWords);
  const health = useQuery({
    queryKey: ['health'],
    queryFn: ({ signal }) => request<Health>('/api/health/', { signal }),
    refetchInterval: lookEveryMs,
  });
  const readiness = useQuery({
    queryKey: ['readiness'],
    queryFn: ({ signal }) => readReadiness(signal),
    refetchInterval: lookEveryMs,
  });
  return (
    <Page title={names.health} lead={words.lead}>
      <Answer of={health}>
        {(state) => (
          <>
            <Held by={state.held_by} />
            <Figures health={state} readiness={readiness.data} />
            <div className="grid-halves">
              <Followers followers={state.followers} />
              {readiness.data !== undefined && <Checks checks={readiness.data.checks} />}
            </div>
          </>
        )}
      </Answer>
      <Audits />
    </Page>
  );
}

function Held({ by }: { by: Health['held_by'] }) {
  const words = useWords(healthWords);
  if (by === null) return null;
  return (
    <div className="notice notice-warning" role="status">
      <Icon name="warning" />
      <div>
        <strong>{words.held}</strong>
        <p>{words.heldText(by.application_name, String(by.pid ?? ''), by.seconds)}</p>
      </div>
    </div>
  );
}

function Figures({ health, readiness }: { health: Health; readiness: Readiness | undefined }) {
  const words = useWords(healthWords);
  const format = useFormat();
  const { audit, loading, followers, last_sale_at, loading_waits_at_rows: limit } = health;
  const behind = Math.max(
    ...followers.filter(({ follower }) => follower !== 'vault').map(({ waiting_rows }) => waiting_rows),
    0,
  );
  const ms = (value: number) => words.ms(format.number(value));
  const auditNote =
    audit.differences > 0
      ? words.auditBad(audit.differences, audit.of_days)
      : audit.last_at !== null && words.auditGood(audit.of_days);
  return (
    <div className="grid-figures">
      {readiness !== undefined && (
        <Figure
          name={words.overall}
          value={readiness.ready ? words.ready : words.notReady}
          tone={readiness.ready ? 'good' : 'bad'}
        />
      )}
      <Figure
        name={words.behind}
        value={format.number(behind)}
        note={words.behindNote(format.number(limit))}
        {...(behind >= limit ? { tone: 'warning' as const } : {})}
      />
      <Figure
        name={words.load}
        value={loading === null ? '–' : ms(loading.mean_ms)}
        note={
          loading === null
            ? words.loadNone
            : words.loadNote(loading.p95_ms === null ? '…' : ms(loading.p95_ms))
        }
      />
      <Figure
        name={words.lastSale}
        value={last_sale_at === null ? words.noSale : format.time(last_sale_at)}
        note={last_sale_at === null ? undefined : format.day(localDay(last_sale_at))}
      />
      <Figure
        name={words.audit}
        value={audit.last_at === null ? words.noAudit : format.time(audit.last_at)}
        note={
          <>
            {auditNote}
            {audit.waiting_days > 0 && <> · {words.auditWaiting(audit.waiting_days)}</>}
          </>
        }
        {...(audit.differences > 0 ? { tone: 'bad' as const } : {})}
      />
      <Figure
        name={words.database}
        value={`${format.number(Math.round(health.database_bytes / megabyte))} MB`}
      />
    </div>
  );
}

function Followers({ followers }: { followers: Health['followers'] }) {
  const words = useWords(healthWords);
  const format = useFormat();
  return (
    <Card title={words.followers}>
      <Table
        label={words.followers}
        rows={followers}
        rowKey={({ follower }) => follower}
        columns={[
          {
            name: 'follower',
            title: words.follower,
            cell: ({ follower }) => words.followersOf[follower] ?? follower,
          },
          {
            name: 'waiting',
            title: words.waiting,
            numeric: true,
            cell: ({ waiting_rows }) => format.number(waiting_rows),
          },
          { name: 'moved', title: words.moved, cell: ({ moved_at }) => <Moment at={moved_at} /> },
        ]}
      />
    </Card>
  );
}

function Checks({ checks }: { checks: Readiness['checks'] }) {
  const words = useWords(healthWords);
  return (
    <Card title={words.checks}>
      <Table
        label={words.checks}
        rows={Object.entries(checks)}
        rowKey={([name]) => name}
        columns={[
          { name: 'check', title: words.check, cell: ([name]) => words.checksOf[name] ?? name },
          {
            name: 'answer',
            title: words.answer,
            cell: ([, answer]) => <Badge tone={/^ok\b/.test(answer) ? 'good' : 'bad'}>{answer}</Badge>,
          },
        ]}
      />
    </Card>
  );
}
