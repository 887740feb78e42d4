import '../styles/manage.css';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { request } from '../api.ts';
import type { GetAlertsAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { type PageProps, pageNames } from '../pages.ts';
import { Badge } from '../parts/badge.tsx';
import { Segments } from '../parts/field.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer, EmptyState } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Pager, useCursor } from '../parts/pager.tsx';
import { Table } from '../parts/table.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { Link, pathOf, useQueryState } from '../router.tsx';
import { useWords } from '../words.ts';
import { Channels } from './alerts-channels.tsx';
import { Deliveries } from './alerts-deliveries.tsx';
import { type Alert, showFigure } from './alerts-figures.ts';
import { OneAlert } from './alerts-one.tsx';
import { AlertRules } from './alerts-rules.tsx';
import { alertsWords } from './alerts-words.ts';

const defaults = { state: '', rule_id: '' };
const lookEveryMs = 10_000;

export function AlertsPage({ rest }: PageProps) {
  const [part] = rest;
  if (part === undefined) return <FiredAlerts />;
  if (part === 'rules') return <AlertRules />;
  if (part === 'channels') return <Channels />;
  return part === 'deliveries' ? <Deliveries /> : <OneAlert key={part} id={part} />;
}

type FrameProperties = { current: string; actions?: ReactNode; children: ReactNode };

/** The page of one part: the tabs of all parts, and its own content. */
export function AlertsFrame({ current, actions, children }: FrameProperties) {
  const names = useWords(pageNames);
  const words = useWords(alertsWords);
  const firing = useQuery({
    queryKey: ['alerts', 'firing'],
    queryFn: ({ signal }) =>
      request<GetAlertsAnswer>('/api/alerts/', { query: { state: 'firing', limit: 100 }, signal }),
    refetchInterval: lookEveryMs,
  });
  return (
    <Page title={names.alerts} lead={words.lead} actions={actions}>
      <Tabs
        label={words.parts}
        current={current}
        tabs={[
          { to: 'alerts', label: words.fired, count: firing.data?.results.length },
          { to: 'alerts/rules', label: words.rules },
          { to: 'alerts/channels', label: words.channels },
          { to: 'alerts/deliveries', label: words.deliveries },
        ]}
      />
      {children}
    </Page>
  );
}

function FiredAlerts() {
  const words = useWords(alertsWords);
  const [view, setView] = useQueryState(defaults);
  const [cursor, move] = useCursor(JSON.stringify(view));
  const query = { ...view, cursor, limit: 50 };
  const alerts = useQuery({
    queryKey: ['alerts', query],
    queryFn: ({ signal }) => request<GetAlertsAnswer>('/api/alerts/', { query, signal }),
    refetchInterval: lookEveryMs,
  });
  return (
    <AlertsFrame current="alerts">
      <Card
        title={words.fired}
        actions={
          <Segments
            label={words.state}
            value={view.state}
            onChange={(state) => setView({ state })}
            choices={[
              { value: '', label: words.allStates },
              { value: 'firing', label: words.states.firing },
              { value: 'resolved', label: words.states.resolved },
            ]}
          />
        }
      >
        {view.rule_id !== '' && (
          <p className="toolbar">
            {words.onlyOf(alerts.data?.results[0]?.rule_name ?? view.rule_id)}
            <button type="button" className="link" onClick={() => setView({ rule_id: '' })}>
              {words.ofAll}
            </button>
          </p>
        )}
        <Answer of={alerts}>
          {({ results, next_cursor }) =>
            results.length === 0 ? (
              <EmptyState title={words.none} icon="bell">
                {words.noneText} <Link to="alerts/rules">{words.toRules}</Link>
              </EmptyState>
            ) : (
              <>
                <AlertTable alerts={results} />
                <Pager cursor={cursor} next={next_cursor} onMove={move} />
              </>
            )
          }
        </Answer>
      </Card>
    </AlertsFrame>
  );
}

function AlertTable({ alerts }: { alerts: readonly Alert[] }) {
  const words = useWords(alertsWords);
  const format = useFormat();
  return (
    <Table
      label={words.fired}
      rows={alerts}
      rowKey={({ id }) => String(id)}
      columns={[
        {
          name: 'state',
          title: words.state,
          cell: ({ state }) => (
            <Badge tone={state === 'firing' ? 'bad' : 'neutral'}>{words.states[state]}</Badge>
          ),
        },
        {
          name: 'rule',
          title: words.rule,
          cell: (alert) => (
            <>
              <Link to={pathOf('alerts', String(alert.id))}>{alert.rule_name}</Link>
              <span className="muted clamped">{alert.explanation.text}</span>
            </>
          ),
        },
        { name: 'place', title: words.place, cell: (alert) => alert.place_name ?? words.allPlaces },
        {
          name: 'value',
          title: words.value,
          numeric: true,
          cell: ({ metric, value, currency }) => showFigure(format, words, metric, value, currency),
        },
        {
          name: 'usual',
          title: words.usual,
          numeric: true,
          cell: ({ metric, baseline, currency }) => showFigure(format, words, metric, baseline, currency),
        },
        { name: 'fired', title: words.firedAt, cell: ({ fired_at }) => <Moment at={fired_at} /> },
      ]}
    />
  );
}
