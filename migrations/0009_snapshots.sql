-- What was reported when: the figures of every day that changed, kept hourly; the hourly audits; and what is kept
-- how long.

-- ------------------------------------------------------------------------------------------------ days touched

-- Days whose figures moved since somebody last looked, each reader (snapshot, audit) with a list of its own.
create table cdm.touched_day (
  reader        text not null,
  place_id      text not null,
  business_date date not null,
  touched_at    timestamptz not null default now(),
  primary key (reader, place_id, business_date)
);
create index touched_day_order on cdm.touched_day (reader, touched_at);

-- Which journal rows are in a reader's list: those that `seen` saw, of epochs up to `epoch`. The place in the order of
-- followers is where the next look begins.
create table cdm.touched_until (
  reader   text primary key,
  epoch    integer     not null,
  seen     pg_snapshot not null,
  at_epoch integer     not null,
  at_xid   xid8        not null,
  at_position bigint   not null
);

-- --------------------------------------------------------------------------------------------------- snapshots

-- One row a run. A run is one transaction where few days changed; a long history takes many.
create table cdm.snapshot (
  taken_at    timestamptz primary key,
  epoch       integer     not null,
  -- Journal rows that it saw are in the figures of this run or of an earlier one.
  seen        pg_snapshot not null,
  finished_at timestamptz
);
create unique index snapshot_unfinished on cdm.snapshot ((finished_at is null)) where finished_at is null;

-- The days of one transaction: exactly the journal rows that it saw are in their figures. Those that are not in the
-- figures of the run before lie from (after_epoch, after_xid) on.
create table cdm.snapshot_part (
  part_id     integer primary key generated always as identity,
  taken_at    timestamptz not null,
  after_epoch integer     not null,
  after_xid   xid8        not null,
  epoch       integer     not null,
  seen        pg_snapshot not null
);

-- {source: {sales, refunds, discounts, receipts, refund_receipts, units, nds, tips, categories: {name:
-- [sales, refunds, receipts, refund_receipts, units]}}}: money in minor units, quantity in thousandths. A day whose
-- figures went to zero has {}.
create table cdm.analytics_snapshot (
  taken_at      timestamptz not null,
  place_id      text        not null,
  business_date date        not null,
  currency      text        not null,
  figures       jsonb       not null,
  part_id       integer     not null,
  primary key (place_id, business_date, currency, taken_at)
);
create index analytics_snapshot_date on cdm.analytics_snapshot (business_date, place_id);

-- ------------------------------------------------------------------------------------------------------ audits

create table ops.audit (
  audit_id     integer primary key generated always as identity,
  started_at   timestamptz not null,
  finished_at  timestamptz not null default now(),
  days         integer     not null,
  sales        bigint      not null,
  -- Touched days that wait for the next audit.
  waiting_days integer     not null,
  -- False where there is more wrong than is told one by one.
  complete     boolean     not null,
  -- [{table, key, figure, expected, found}]
  differences  jsonb       not null
);

-- --------------------------------------------------------------------------------------------------- retention

-- From when on something is kept that readers have to know of.
create table ops.retention (
  kind      text primary key,
  kept_from timestamptz not null
);

create index outbox_created on ops.outbox (created_at);
