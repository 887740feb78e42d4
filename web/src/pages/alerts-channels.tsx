import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import type { PostChannelsIdTestAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { ConfirmDialog, Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer, EmptyState, ErrorBox } from '../parts/notice.tsx';
import { Card } from '../parts/page.tsx';
import { Secret } from '../parts/secret.tsx';
import { Table } from '../parts/table.tsx';
import { useWords } from '../words.ts';
import { AlertsFrame } from './alerts.tsx';
import { type Channel, useChannels } from './alerts-channel-data.ts';
import { EditChannel } from './alerts-channel-form.tsx';
import { channelWords } from './alerts-channel-words.ts';

type Asked = { channel: Channel | undefined; action: 'edit' | 'remove' };

/** Where alerts are sent. */
export function Channels() {
  const words = useWords(channelWords);
  const client = useQueryClient();
  const [asked, setAsked] = useState<Asked>();
  const [made, setMade] = useState<{ channel_id: string; secret: string }>();
  const channels = useChannels();
  const close = () => setAsked(undefined);
  const done = ({ channel_id, secret }: { channel_id: string; secret?: string | null }) => {
    close();
    void client.invalidateQueries({ queryKey: ['channels'] });
    if (typeof secret === 'string') setMade({ channel_id, secret });
  };
  const create = (
    <button
      type="button"
      className="button button-primary"
      onClick={() => setAsked({ channel: undefined, action: 'edit' })}
    >
      <Icon name="plus" />
      {words.create}
    </button>
  );
  return (
    <AlertsFrame current="alerts/channels" actions={create}>
      <Card title={words.list}>
        <Answer of={channels}>
          {(found) =>
            found.length === 0 ? (
              <EmptyState title={words.none} icon="bell">
                {words.noneText}
              </EmptyState>
            ) : (
              <ChannelTable channels={found} onAsk={setAsked} />
            )
          }
        </Answer>
      </Card>
      {asked?.action === 'edit' && <EditChannel channel={asked.channel} onClose={close} onDone={done} />}
      {asked?.action === 'remove' && asked.channel !== undefined && (
        <RemoveChannel channel={asked.channel} onClose={close} onDone={done} />
      )}
      {made !== undefined && <NewSecret made={made} onClose={() => setMade(undefined)} />}
    </AlertsFrame>
  );
}

type SecretProperties = { made: { channel_id: string; secret: string }; onClose: () => void };

function NewSecret({ made, onClose }: SecretProperties) {
  const words = useWords(channelWords);
  return (
    <Dialog
      title={words.secretTitle(made.channel_id)}
      onClose={onClose}
      footer={
        <button type="button" className="button button-primary" onClick={onClose}>
          {words.done}
        </button>
      }
    >
      <Secret label={words.secret} value={made.secret} />
    </Dialog>
  );
}

function ChannelTable({ channels, onAsk }: { channels: readonly Channel[]; onAsk: (asked: Asked) => void }) {
  const words = useWords(channelWords);
  const format = useFormat();
  const client = useQueryClient();
  const test = useMutation({
    mutationFn: (id: string) =>
      request<PostChannelsIdTestAnswer>(`/api/channels/${encodeURIComponent(id)}/test`, { method: 'POST' }),
    onSettled: () => void client.invalidateQueries({ queryKey: ['channels'] }),
  });
  return (
    <>
      <div role="status">
        {test.data !== undefined && (
          <p className={test.data.delivered ? 'notice notice-good' : 'notice notice-error'}>
            {test.data.delivered
              ? words.tested(test.variables!, format.number(test.data.duration_ms))
              : words.testFailed(test.variables!, test.data.error ?? '')}
          </p>
        )}
      </div>
      {test.error !== null && <ErrorBox error={test.error} />}
      <Table
        label={words.list}
        rows={channels}
        rowKey={({ channel_id }) => channel_id}
        columns={[
          { name: 'id', title: words.id, cell: ({ channel_id }) => <strong>{channel_id}</strong> },
          { name: 'kind', title: words.kind, cell: ({ kind }) => words.kinds[kind] },
          {
            name: 'to',
            title: words.to,
            cell: ({ url, to, chat_id, host }) => url ?? to?.join(', ') ?? chat_id ?? host ?? '',
          },
          { name: 'state', title: words.state, cell: (channel) => <ChannelState channel={channel} /> },
          {
            name: 'last',
            title: words.last,
            cell: ({ last_delivered_at: last }) => (last === null ? words.never : <Moment at={last} />),
          },
          {
            name: 'actions',
            title: words.actions,
            cell: (channel) => (
              <ChannelActions
                {...{ channel, onAsk, isBusy: test.isPending }}
                onTest={() => test.mutate(channel.channel_id)}
              />
            ),
          },
        ]}
      />
    </>
  );
}

type ActionsProperties = {
  channel: Channel;
  isBusy: boolean;
  onTest: () => void;
  onAsk: (asked: Asked) => void;
};

function ChannelActions({ channel, isBusy, onTest, onAsk }: ActionsProperties) {
  const words = useWords(channelWords);
  const { channel_id: id } = channel;
  return (
    <span className="row-actions">
      <button
        type="button"
        className="button button-small"
        aria-label={words.testOf(id)}
        disabled={isBusy}
        onClick={onTest}
      >
        {words.test}
      </button>
      {(['edit', 'remove'] as const).map((action) => (
        <button
          key={action}
          type="button"
          className="button button-small"
          aria-label={action === 'edit' ? words.editOf(id) : words.removeOf(id)}
          onClick={() => onAsk({ channel, action })}
        >
          {words[action]}
        </button>
      ))}
    </span>
  );
}

function ChannelState({ channel }: { channel: Channel }) {
  const words = useWords(channelWords);
  const format = useFormat();
  const { enabled, failing_since, disabled_reason, last_error, last_delivered_at, waiting } = channel;
  const trouble = disabled_reason ?? (failing_since === null ? null : last_error);
  const fine = last_delivered_at === null ? words.fresh : words.on;
  return (
    <>
      {!enabled ? (
        <Badge>{words.off}</Badge>
      ) : failing_since !== null ? (
        <Badge tone="bad">{words.failing}</Badge>
      ) : (
        <Badge tone={last_delivered_at === null ? 'neutral' : 'good'}>{fine}</Badge>
      )}
      {waiting > 0 && <span className="muted"> {words.waiting(format.number(waiting))}</span>}
      {trouble !== null && <p className="field-problem">{trouble}</p>}
    </>
  );
}

type RemoveProperties = { channel: Channel; onClose: () => void; onDone: (channel: Channel) => void };

function RemoveChannel({ channel, onClose, onDone }: RemoveProperties) {
  const words = useWords(channelWords);
  const remove = useMutation({
    mutationFn: () =>
      request<Channel>(`/api/channels/${encodeURIComponent(channel.channel_id)}`, { method: 'DELETE' }),
    onSuccess: onDone,
  });
  return (
    <ConfirmDialog
      title={words.removeOf(channel.channel_id)}
      action={words.remove}
      isBusy={remove.isPending}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>{words.removeText}</p>
      {remove.error !== null && <ErrorBox error={remove.error} />}
    </ConfirmDialog>
  );
}
