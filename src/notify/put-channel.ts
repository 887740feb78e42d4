import { type Database, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { type Channel, findChannel, type Language } from './channel.ts';
import { type ChannelBody, type CheckDeps, checkChannel } from './check-channel.ts';
import type { Secrets } from './secrets.ts';
import { skipDeliveries } from './skip-deliveries.ts';

// A channel that is put is one that works until a delivery says otherwise.
const upsertChannel = `
  insert into ops.channel as c (channel_id, kind, settings, secret, language, enabled)
  values ($1, $2, $3::jsonb, $4, $5, $6)
  on conflict (channel_id) do update set
    kind = excluded.kind,
    settings = case when $7 and excluded.kind = 'slack' then c.settings else excluded.settings end,
    secret = case when $7 then c.secret else excluded.secret end,
    language = excluded.language, enabled = excluded.enabled, disabled_reason = null, failing_since = null,
    last_error = null, updated_at = now()
  returning (xmax = 0) as is_new`;

// What waits for a receiver that was put right does not wait for its next turn.
const tryNow = `
  update ops.delivery set next_try_at = now()
  where channel_id = $1 and state = 'waiting' and leased_until is null and next_try_at > now()`;

export type PutDeps = CheckDeps & { pool: Database; secrets: Secrets; defaultLanguage: Language };
export type PutChannel = { channel: Channel; isNew: boolean; madeSecret: string | null };

/** Makes or replaces a channel. What is secret and left out stays as it is. Errors: those of `checkChannel`. */
export async function putChannel(deps: PutDeps, channelId: string, body: ChannelBody): Promise<PutChannel> {
  const { pool, secrets } = deps;
  const before = await findChannel(pool, channelId);
  const keeps = before?.kind === body.kind && before.secret !== null;
  const checked = await checkChannel(body, keeps, deps);
  const sealed =
    checked.secret === undefined ? null : await secrets.seal(JSON.stringify(checked.secret), channelId);
  return await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ is_new: boolean }>({
      text: upsertChannel,
      values: [
        channelId,
        checked.kind,
        JSON.stringify(checked.settings),
        sealed,
        body.language ?? deps.defaultLanguage,
        body.enabled ?? true,
        sealed === null && keeps,
      ],
    });
    await client.query({ text: tryNow, values: [channelId] });
    await skipDeliveries(client, channelId);
    const channel = (await findChannel(client, channelId))!;
    return { channel, isNew: rows[0]!.is_new, madeSecret: checked.madeSecret };
  });
}

/** What was sent stays in the log. Error `not_found`. */
export async function deleteChannel(pool: Database, channelId: string): Promise<Channel> {
  return await inTransaction(pool, async (client) => {
    const channel = await findChannel(client, channelId);
    if (channel === undefined) throw unknownChannel(channelId);
    await client.query({ text: 'delete from ops.channel where channel_id = $1', values: [channelId] });
    await skipDeliveries(client, channelId);
    return channel;
  });
}

export const unknownChannel = (channelId: string) =>
  new CodedError('not_found', `there is no channel ${channelId}`);
