-- Rules by which somebody is told of what happens in the figures, and the alerts that followed. Figures of rules are
-- in a currency's own units, in units or in seconds, as people write them.

create table ops.alert_rule (
  rule_id          integer primary key generated always as identity,
  name             text    not null,
  kind             text    not null check (kind in ('threshold', 'change', 'silence', 'refunds', 'audit', 'lag')),
  metric           text    not null,
  -- Null: each place for itself, or all together.
  place_id         text collate "C",
  all_places       boolean not null default false,
  product_id       text collate "C",
  category         text collate "C",
  -- Null: every currency for itself.
  currency         text collate "C",
  window_minutes   integer not null,
  below            double precision,
  above            double precision,
  -- Of a change: how many past weeks it is compared with, and how many spreads it has to be off.
  weeks            integer not null,
  sensitivity      double precision not null,
  cooldown_minutes integer not null,
  channels         text[]  not null,
  language         text    not null,
  muted_until      timestamptz,
  enabled          boolean not null,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now()
);

-- What fired. It says by itself what it is about, since its rule may be changed or deleted later.
create table ops.alert (
  alert_id    bigint primary key generated always as identity,
  rule_id     integer not null,
  rule_name   text    not null,
  kind        text    not null,
  metric      text    not null,
  -- Tells the places, currencies and refunds of one rule apart.
  target      text collate "C" not null,
  place_id    text collate "C",
  product_id  text collate "C",
  category    text collate "C",
  currency    text collate "C",
  value       double precision not null,
  baseline    double precision,
  threshold   double precision,
  window_from timestamptz not null,
  window_to   timestamptz not null,
  -- {text, drivers: [{kind, id, name, value, baseline, change}]}
  explanation jsonb   not null,
  channels    text[]  not null,
  fired_at    timestamptz not null,
  resolved_at timestamptz
);
-- Whoever evaluates, and however often it is killed: of one thing one alert fires at a time.
create unique index alert_firing on ops.alert (rule_id, target) where resolved_at is null;
create index alert_cooldown on ops.alert (rule_id, target, resolved_at);
create index alert_place on ops.alert (place_id, alert_id);
create index alert_rule_alerts on ops.alert (rule_id, alert_id);

-- One row: up to when rules are evaluated, and since when without a break.
create table ops.alert_watch (
  only_row      boolean primary key default true check (only_row),
  ran_at        timestamptz,
  watched_since timestamptz,
  evaluated_to  timestamptz
);
insert into ops.alert_watch (only_row) values (true);

-- Where the log of a partition ended when it was looked at: what is not loaded of it a minute later is late.
create table ops.stream_end (
  topic_id   uuid    not null,
  partition  integer not null,
  end_offset bigint  not null,
  seen_at    timestamptz not null,
  primary key (topic_id, partition, seen_at)
);
