-- What each customer bought, by product, by category and in all; the tags that follow from it; and the outbox
-- of what others are told. Written by the customers follower, behind the journal. Money is bigint minor units,
-- quantity bigint thousandths. Everything counted is a signed sum, so journal rows may come in any order.

-- ---------------------------------------------------------------------------------------------- numbers

-- Short numbers for customers and keys: every counter row and its index entry carries both. Not swapped by a
-- rebuild, so a number means the same before and after. The uuids are uuid5(NAMESPACE_OID, id).
create table cdm.customer (
  user_no     integer primary key generated always as identity,
  customer_id text collate "C" not null unique,
  user_id     uuid not null unique,
  -- The person was erased: the id is a random one, and what was counted stays.
  erased      boolean not null default false
);

create table cdm.counted_key (
  key_no integer primary key generated always as identity,
  scope  text not null check (scope in ('total', 'category', 'product')),
  -- The category's name, the product's id, '' for all of a sale.
  key    text collate "C" not null,
  key_id uuid not null,
  unique (scope, key)
);

-- Where there is but one, a counter's first row is its customer's first order with the key.
create table cdm.counted_currency (currency text collate "C" primary key);

-- ---------------------------------------------------------------------------------------------- counters

create table cdm.user_counter (
  user_no integer not null, key_no integer not null, currency text collate "C" not null,
  orders bigint not null, units bigint not null, spent bigint not null,
  primary key (user_no, key_no, currency)
) with (fillfactor = 80);

-- The same by business date: what a tag over a window of days is decided by.
create table cdm.user_day (
  user_no integer not null, key_no integer not null, period date not null, currency text collate "C" not null,
  orders bigint not null, units bigint not null, spent bigint not null,
  primary key (user_no, key_no, period, currency)
) with (fillfactor = 90);

-- How many customers have at least one order with the key in the period: kind day, week (its Monday), month,
-- year (their first days), all (1900-01-01).
create table cdm.unique_customers (
  kind text collate "C" not null, period date not null, key_no integer not null, customers bigint not null,
  primary key (kind, period, key_no)
) with (fillfactor = 70);

-- Which sales of a customer count, newest first by `at` (seconds since the epoch).
create table cdm.customer_sale (
  user_no integer not null, at bigint not null, source text collate "C" not null,
  source_id text collate "C" not null, place_id text collate "C" not null, count integer not null,
  primary key (user_no, at, source_id, source, place_id)
) with (fillfactor = 90);

-- Counters that a sale moved although an earlier change of the same sale is still to come: no tag is decided
-- by them until it has.
create table cdm.customer_pending (
  user_no integer not null, key_no integer not null, source text not null, source_id text not null,
  sale_seq integer not null,
  primary key (user_no, key_no, source_id, source, sale_seq)
);

-- Loading waits for a follower that is far behind, but not for one that reads a long history for the first time.
alter table cdm.cursor add column caught_up boolean not null default true;
insert into cdm.cursor (follower, epoch, xid, position, caught_up)
select 'customers', 0, '0', 0, not exists (select from stg.journal where contributions is not null);

-- The newest sale's name of a customer.
create table ops.customer (
  customer_id   text collate "C" primary key,
  customer_name text,
  named_at      timestamptz
);

create view cdm.user_product_counters as
  select c.user_id, k.key_id as product_id, coalesce(p.product_name, k.key) as product_name, u.currency,
    u.orders as order_cnt, u.units, u.spent
  from cdm.user_counter as u
  join cdm.customer as c on c.user_no = u.user_no
  join cdm.counted_key as k on k.key_no = u.key_no and k.scope = 'product'
  left join ops.product as p on p.product_id = k.key;

create view cdm.user_category_counters as
  select c.user_id, k.key_id as category_id, k.key as category_name, u.currency,
    u.orders as order_cnt, u.units, u.spent
  from cdm.user_counter as u
  join cdm.customer as c on c.user_no = u.user_no
  join cdm.counted_key as k on k.key_no = u.key_no and k.scope = 'category';

-- -------------------------------------------------------------------------------------------------- tags

create table ops.tag_rule (
  rule_id     integer primary key generated always as identity,
  -- Raised by every change; a job that applies an older version stops.
  version     integer not null default 1,
  tag         text not null,
  scope       text not null,
  match       text not null,
  key_no      integer not null references cdm.counted_key,
  metric      text not null check (metric in ('orders', 'units', 'spent')),
  -- In orders, thousandths or minor units.
  threshold   bigint not null,
  window_days integer,
  sticky      boolean not null default false,
  currency    text,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  -- The version that all existing customers have been looked at with.
  applied_version integer not null default 0,
  -- The day that a window of days was last moved on to.
  aged_on     date,
  -- Its tags are being taken back; then the row goes.
  deleted_at  timestamptz
);
create unique index tag_rule_tag on ops.tag_rule (tag) where deleted_at is null;

-- A tag that was taken back keeps its row, so that one customer's history of one tag stays in order.
create table ops.customer_tag (
  rule_id    integer not null,
  user_no    integer not null,
  assigned   boolean not null,
  -- What it was decided by: the value, and the sale that moved it; no sale where a rule was applied to all.
  value      bigint not null,
  source     text,
  source_id  text,
  position   bigint,
  decided_at timestamptz not null default now(),
  primary key (rule_id, user_no)
);
create index customer_tag_user on ops.customer_tag (user_no) where assigned;

-- What others are told, in the order in which they may be told it: (epoch, xid, position) as in the journal,
-- and of one entity never a lower entity_seq after a higher. entity_seq is drawn under the entity's lock.
create sequence ops.outbox_entity_seq;
create table ops.outbox (
  position   bigint primary key generated always as identity,
  epoch      integer not null,
  xid        xid8 not null default pg_current_xact_id(),
  topic      text not null,
  event      text not null,
  entity_key text not null,
  entity_seq bigint not null,
  -- Null once the person it speaks of was erased.
  payload    jsonb,
  created_at timestamptz not null default now()
);
create index outbox_follow on ops.outbox (epoch, xid, position);
create index outbox_entity on ops.outbox (entity_key);

-- ----------------------------------------------------------------------------------------------- erasure

-- People who were erased, by a hash under ERASURE_KEY: what names one of them later loads without the name.
create table ops.erased_customer (
  erasure_id    integer primary key generated always as identity,
  customer_hash bytea not null unique,
  -- Only until the journal is rewritten: whom to look for, and the random id that takes the place.
  customer_id   text,
  random_id     text,
  erased_at     timestamptz not null default now(),
  done_at       timestamptz
);

-- While the journal is rewritten both ids stand in it, for one customer.
create table cdm.customer_alias (
  customer_id text collate "C" primary key,
  user_no     integer not null references cdm.customer
);
