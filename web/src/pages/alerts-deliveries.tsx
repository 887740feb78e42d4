import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import type { GetDeliveriesAnswer, GetDeliveriesIdAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { Badge, type Tone } from '../parts/badge.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { SelectField } from '../parts/field.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer, EmptyState, ErrorBox } from '../parts/notice.tsx';
import { Card } from '../parts/page.tsx';
import { Pager, useCursor } from '../parts/pager.tsx';
import { Table } from '../parts/table.tsx';
import { useQueryState } from '../router.tsx';
import { useWords } from '../words.ts';
import { AlertsFrame } from './alerts.tsx';
import { useChannels } from './alerts-channel-data.ts';
import { channelWords } from './alerts-channel-words.ts';

type Delivery = GetDeliveriesAnswer['results'][number];
type State = Delivery['state'];

const defaults = { state: '', channel_id: '' };
const tones: Record<State, Tone> = {
  ...{ waiting: 'warning', delivered: 'good', failed: 'bad', skipped: 'neutral' },
};
const lookEveryMs = 3_000;

/** What was sent to channels, what waits, and another try. */
export function Deliveries() {
  const words = useWords(channelWords);
  const [view, setView] = useQueryState(defaults);
  const [cursor, move] = useCursor(JSON.stringify(view));
  const [opened, setOpened] = useState<number>();
  const query = { ...view, cursor, limit: 50 };
  const deliveries = useQuery({
    queryKey: ['deliveries', query],
    queryFn: ({ signal }) => request<GetDeliveriesAnswer>('/api/deliveries/', { query, signal }),
    refetchInterval: lookEveryMs,
  });
  const known = (useChannels().data ?? []).map(({ channel_id: id }) => ({ value: id, label: id }));
  return (
    <AlertsFrame current="alerts/deliveries">
      <Card title={words.log}>
        <div className="toolbar">
          <SelectField
            {...{ label: words.state, value: view.state }}
            onChange={(state) => setView({ state })}
            choices={[
              { value: '', label: words.allStates },
              ...Object.entries(words.states).map(([value, label]) => ({ value, label })),
            ]}
          />
          <SelectField
            {...{ label: words.channel, value: view.channel_id }}
            onChange={(channel_id) => setView({ channel_id })}
            choices={[{ value: '', label: words.allChannels }, ...known]}
          />
        </div>
        <Answer of={deliveries}>
          {({ results, next_cursor }) =>
            results.length === 0 ? (
              <EmptyState title={words.logNone} icon="bell">
                {words.logNoneText}
              </EmptyState>
            ) : (
              <>
                <DeliveryTable deliveries={results} onOpen={setOpened} />
                <Pager cursor={cursor} next={next_cursor} onMove={move} />
              </>
            )
          }
        </Answer>
      </Card>
      {opened !== undefined && <OneDelivery id={opened} onClose={() => setOpened(undefined)} />}
    </AlertsFrame>
  );
}

type TableProperties = { deliveries: readonly Delivery[]; onOpen: (id: number) => void };

function DeliveryTable({ deliveries, onOpen }: TableProperties) {
  const words = useWords(channelWords);
  const format = useFormat();
  return (
    <Table
      label={words.log}
      rows={deliveries}
      rowKey={({ delivery_id }) => String(delivery_id)}
      columns={[
        { name: 'when', title: words.when, cell: ({ event_at }) => <Moment at={event_at} /> },
        { name: 'event', title: words.event, cell: ({ event }) => <code>{event}</code> },
        { name: 'channel', title: words.channel, cell: ({ channel_id }) => channel_id },
        {
          name: 'state',
          title: words.state,
          cell: ({ state, next_try_at }) => (
            <>
              <Badge tone={tones[state]}>{words.states[state]}</Badge>
              {state === 'waiting' && next_try_at !== null && (
                <span className="muted"> {words.nextTry(format.time(next_try_at))}</span>
              )}
            </>
          ),
        },
        { name: 'attempts', title: words.attempts, numeric: true, cell: (one) => one.attempt_count },
        { name: 'error', title: words.error, cell: ({ last_error }) => last_error ?? '' },
        {
          name: 'details',
          title: words.details,
          cell: ({ delivery_id }) => (
            <button
              type="button"
              className="button button-small"
              aria-label={words.detailsOf(delivery_id)}
              onClick={() => onOpen(delivery_id)}
            >
              {words.details}
            </button>
          ),
        },
      ]}
    />
  );
}

function OneDelivery({ id, onClose }: { id: number; onClose: () => void }) {
  const words = useWords(channelWords);
  const format = useFormat();
  const client = useQueryClient();
  const path = `/api/deliveries/${id}`;
  const delivery = useQuery({
    queryKey: ['delivery', id],
    queryFn: ({ signal }) => request<GetDeliveriesIdAnswer>(path, { signal }),
    refetchInterval: lookEveryMs,
  });
  const resend = useMutation({
    mutationFn: () => request(`${path}/resend`, { method: 'POST' }),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['delivery', id] });
      void client.invalidateQueries({ queryKey: ['deliveries'] });
    },
  });
  return (
    <Dialog
      title={words.detailsOf(id)}
      onClose={onClose}
      footer={
        <button
          type="button"
          className="button button-primary"
          disabled={resend.isPending}
          onClick={() => resend.mutate()}
        >
          {words.resend}
        </button>
      }
    >
      <Answer of={delivery}>
        {({ attempts, payload }) => (
          <>
            <Table
              label={words.attempts}
              rows={attempts}
              rowKey={({ attempt }) => String(attempt)}
              columns={[
                { name: 'when', title: words.when, cell: ({ started_at }) => <Moment at={started_at} /> },
                { name: 'outcome', title: words.outcome, cell: ({ outcome }) => outcome ?? '…' },
                { name: 'status', title: words.status, cell: ({ status }) => status ?? '' },
                {
                  name: 'duration',
                  title: words.duration,
                  numeric: true,
                  cell: ({ duration_ms: ms }) => (ms === null ? '' : format.number(ms)),
                },
                { name: 'error', title: words.error, cell: ({ error }) => error ?? '' },
              ]}
            />
            <h3>{words.payload}</h3>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
            <pre className="document" tabIndex={0}>
              {JSON.stringify(payload, null, 2)}
            </pre>
          </>
        )}
      </Answer>
      <p role="status">{resend.isSuccess && words.resent}</p>
      {resend.error !== null && <ErrorBox error={resend.error} />}
    </Dialog>
  );
}
