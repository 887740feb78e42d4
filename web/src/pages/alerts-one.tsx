import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { request } from '../api.ts';
import { useFormat } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { Facts } from '../parts/facts.tsx';
import { Answer, ErrorBox } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Link } from '../router.tsx';
import { useIdentity } from '../session.ts';
import { useWords } from '../words.ts';
import { type Alert, type Driver, showFigure } from './alerts-figures.ts';
import { alertsWords } from './alerts-words.ts';

/** Why one alert fired, and a way to hear no more of it for a while. */
export function OneAlert({ id }: { id: string }) {
  const words = useWords(alertsWords);
  const alert = useQuery({
    queryKey: ['alert', id],
    queryFn: ({ signal }) => request<Alert>(`/api/alerts/${encodeURIComponent(id)}`, { signal }),
  });
  return (
    <Page
      title={alert.data?.rule_name ?? words.fired}
      lead={<Link to="alerts">{words.back}</Link>}
      actions={
        alert.data !== undefined && (
          <Badge tone={alert.data.state === 'firing' ? 'bad' : 'neutral'}>
            {words.states[alert.data.state]}
          </Badge>
        )
      }
    >
      <Answer of={alert}>
        {(found) => (
          <>
            <Card title={words.why}>
              <p>{found.explanation.text}</p>
            </Card>
            <div className="grid-halves">
              {found.explanation.drivers.length > 0 && (
                <Card title={words.drivers}>
                  <Drivers drivers={found.explanation.drivers} alert={found} />
                </Card>
              )}
              <Card title={words.facts}>
                <AlertFacts alert={found} />
              </Card>
            </div>
            <Mute alert={found} />
          </>
        )}
      </Answer>
    </Page>
  );
}

/** What moved a figure, the largest part first. */
export function Drivers({
  drivers,
  alert,
}: {
  drivers: readonly Driver[];
  alert: Pick<Alert, 'metric' | 'currency'>;
}) {
  const words = useWords(alertsWords);
  const format = useFormat();
  const figure = (metric: string, value: number | null) =>
    showFigure(format, words, metric, value, alert.currency);
  return (
    <ul className="drivers">
      {drivers.map(({ kind, id, name, value, baseline, change }) => {
        const metric = kind === 'receipts' || kind === 'average_receipt' ? kind : alert.metric;
        const changed = figure(alert.metric, change);
        return (
          <li key={`${kind} ${id ?? ''}`}>
            <span>
              {words.driver[kind] ?? kind} {name ?? id ?? ''}
            </span>
            <strong className="numeric">{change > 0 ? `+${changed}` : changed}</strong>
            <p className="muted">
              {baseline === null
                ? figure(metric, value)
                : words.insteadOf(figure(metric, value), figure(metric, baseline))}
            </p>
          </li>
        );
      })}
    </ul>
  );
}

function AlertFacts({ alert }: { alert: Alert }) {
  const words = useWords(alertsWords);
  const format = useFormat();
  const figure = (value: number | null) => showFigure(format, words, alert.metric, value, alert.currency);
  const { product_id, category, window, threshold, resolved_at, fired_at } = alert;
  return (
    <Facts
      facts={[
        { name: words.rule, value: words.kinds[alert.kind] },
        { name: words.figure, value: words.metrics[alert.metric] ?? alert.metric },
        { name: words.place, value: alert.place_name ?? words.allPlaces },
        { name: words.only, value: product_id ?? category ?? undefined },
        { name: words.value, value: figure(alert.value) },
        { name: words.usual, value: alert.baseline === null ? undefined : figure(alert.baseline) },
        {
          name: words.limit,
          value:
            threshold === null
              ? undefined
              : alert.kind === 'change'
                ? format.change(threshold)
                : figure(threshold),
        },
        { name: words.window, value: `${format.moment(window.from)} – ${format.moment(window.to)}` },
        { name: words.firedAt, value: format.moment(fired_at) },
        { name: words.resolvedAt, value: resolved_at === null ? words.still : format.moment(resolved_at) },
      ]}
    />
  );
}

const muteMinutes = { hour: 60, eight: 480, day: 1440, week: 10_080 } as const;

function Mute({ alert }: { alert: Alert }) {
  const words = useWords(alertsWords);
  const format = useFormat();
  const client = useQueryClient();
  const isBound = useIdentity().place_id !== null;
  const mute = useMutation({
    mutationFn: (minutes: number) =>
      request<{ muted_until: string | null }>(`/api/alerts/${alert.id}/mute`, {
        method: 'POST',
        body: { minutes },
      }),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['alert-rules'] }),
  });
  if (isBound) return null;
  const choices = Object.keys(muteMinutes) as (keyof typeof muteMinutes)[];
  return (
    <Card title={words.mute}>
      <p className="muted">{words.muteText}</p>
      <p className="row-actions spaced">
        {choices.map((choice) => (
          <button
            key={choice}
            type="button"
            className="button"
            disabled={mute.isPending}
            onClick={() => mute.mutate(muteMinutes[choice])}
          >
            {words.muteFor[choice]}
          </button>
        ))}
        <button type="button" className="button" disabled={mute.isPending} onClick={() => mute.mutate(0)}>
          {words.unmute}
        </button>
      </p>
      <p role="status">
        {mute.data !== undefined &&
          (mute.data.muted_until === null
            ? words.unmuted
            : words.mutedUntil(format.moment(mute.data.muted_until)))}
      </p>
      {mute.error !== null && <ErrorBox error={mute.error} />}
    </Card>
  );
}
