-- Where notifications go. What may be shown stands in `settings`; the rest is encrypted (AES-256-GCM under
-- SECRETS_KEY, or under the key below), and no answer and no log line ever holds it.
create table ops.channel (
  channel_id        text collate "C" primary key,
  kind              text        not null check (kind in ('webhook', 'email', 'telegram', 'slack')),
  settings          jsonb       not null,
  secret            bytea,
  language          text        not null check (language in ('ru', 'en')),
  enabled           boolean     not null default true,
  -- Why the program switched it off by itself.
  disabled_reason   text,
  -- Since when no delivery came through, and why the last one did not; null while all is well.
  failing_since     timestamptz,
  last_error        text,
  last_delivered_at timestamptz,
  created_at        timestamptz not null default now(),
  updated_at        timestamptz not null default now()
);

-- Made once where SECRETS_KEY is not given.
create table ops.secrets_key (only_row boolean primary key default true check (only_row), key bytea not null);

-- One row for each event and each channel that it names, whatever became of the channel: an event that is taken
-- twice is one delivery.
create table ops.delivery (
  delivery_id   bigint      generated always as identity primary key,
  event_id      uuid        not null,
  channel_id    text collate "C" not null,
  event         text        not null,
  -- Of one entity a later event is not sent before the earlier ones came to their end.
  entity_key    text        not null,
  entity_seq    bigint      not null,
  payload       jsonb       not null,
  state         text        not null check (state in ('waiting', 'delivered', 'failed', 'skipped')),
  -- In all, and since it was last asked for.
  attempt_count integer     not null default 0,
  tries         integer     not null default 0,
  next_try_at   timestamptz not null default now(),
  -- Who sends it, and until when nobody else takes it up.
  lease_id      uuid,
  leased_until  timestamptz,
  last_error    text,
  -- Recipients that have it, where others are tried again.
  settled       text[]      not null default '{}',
  event_at      timestamptz not null,
  created_at    timestamptz not null default now(),
  ended_at      timestamptz,
  unique (event_id, channel_id)
);
create index delivery_due on ops.delivery (channel_id, next_try_at) where state = 'waiting';
create index delivery_entity on ops.delivery (channel_id, entity_key, entity_seq) where state = 'waiting';
create index delivery_channel on ops.delivery (channel_id, delivery_id);
create index delivery_ended on ops.delivery (ended_at) where state <> 'waiting';

-- Written before it is made, so that one whose end nobody saw is there too: neither status nor error nor duration.
create table ops.delivery_attempt (
  delivery_id bigint      not null references ops.delivery on delete cascade,
  attempt     integer     not null,
  started_at  timestamptz not null default now(),
  duration_ms integer,
  outcome     text check (outcome in ('delivered', 'retry', 'failed', 'stopped')),
  -- Of HTTP or SMTP.
  status      integer,
  error       text,
  primary key (delivery_id, attempt)
);

-- How far the outbox was taken where no Kafka carries notifications.
insert into ops.egress_cursor (sink, epoch, xid, position) values ('notifier', 0, '0', 0);
create index outbox_notifications on ops.outbox (epoch, xid, position) where topic = 'notifications';
create index outbox_event on ops.outbox ((payload->>'event_id')) where topic = 'notifications';

-- Several services read topics now; each deals out its partitions among its own.
truncate stg.stream_reader;
alter table stg.stream_reader add column reader_group text not null default 'tillstream-processor';
