import type { Queryable } from '../base/db.ts';

export const channelKinds = ['webhook', 'email', 'telegram', 'slack'] as const;
export type ChannelKind = (typeof channelKinds)[number];
export type Language = 'ru' | 'en';

/** What of a channel may be shown, by kind. */
export type Settings = {
  webhook: { url: string };
  email: { to: string[]; from: string | null };
  telegram: { chat_id: string };
  /** The address itself lets anybody who knows it write, so it is a secret. */
  slack: { host: string };
};

/** What is kept encrypted, by kind. */
export type ChannelSecret = {
  webhook: { secret: string };
  email: null;
  telegram: { bot_token: string };
  slack: { url: string };
};

/** What a channel is, without the secret. */
export type Target = { [Kind in ChannelKind]: { kind: Kind; settings: Settings[Kind] } }[ChannelKind];

export type Channel = Target & {
  channel_id: string;
  /** Encrypted; of an email channel there is none. */
  secret: Buffer | null;
  language: Language;
  enabled: boolean;
  disabled_reason: string | null;
  failing_since: Date | null;
  last_error: string | null;
  last_delivered_at: Date | null;
  created_at: Date;
  updated_at: Date;
  waiting: number;
};

const columns = `
  c.channel_id, c.kind, c.settings, c.secret, c.language, c.enabled, c.disabled_reason, c.failing_since, c.last_error,
  c.last_delivered_at, c.created_at, c.updated_at,
  (select count(*) from ops.delivery as d where d.channel_id = c.channel_id and d.state = 'waiting')::integer as waiting`;

const selectChannels = `
  select ${columns} from ops.channel as c where c.channel_id > $1 order by c.channel_id limit $2`;
const selectChannel = `select ${columns} from ops.channel as c where c.channel_id = $1`;

/** In the order of their ids, those behind `after`. */
export async function listChannels(
  client: Queryable,
  { after, limit }: { after: string; limit: number },
): Promise<Channel[]> {
  return (await client.query<Channel>({ text: selectChannels, values: [after, limit] })).rows;
}

export async function findChannel(client: Queryable, channelId: string): Promise<Channel | undefined> {
  return (await client.query<Channel>({ text: selectChannel, values: [channelId] })).rows[0];
}
