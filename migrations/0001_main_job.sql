-- The journal is the truth, the registry the current version of each sale, the marts (cdm) small tables
-- that can be dropped and rebuilt. Money is bigint minor units, quantity bigint thousandths.

create schema if not exists stg;
create schema if not exists cdm;
create schema if not exists ops;

-- ---------------------------------------------------------------------------------------------- journal

create sequence stg.journal_position;

create table stg.journal (
  position      bigint      not null default nextval('stg.journal_position'),
  -- Which cluster gave the transaction id: ids start over after a restore or a move.
  epoch         integer     not null,
  xid           xid8        not null default pg_current_xact_id(),
  received_at   timestamptz not null,
  source        text        not null,
  source_id     text collate "C",
  version       text collate "C",
  sale_seq      integer,
  verdict       text        not null,
  place_id      text,
  -- [{pointer, code, message}]: why it was rejected, or remarks on an accepted sale.
  problems      jsonb,
  -- {placeId, currency, timeZone} as settled on arrival.
  resolved      jsonb,
  -- What was taken out (sign −1) and put in (sign 1); see cdm.contribution_rows.
  contributions jsonb,
  reference_version bigint,
  document      bytea,
  content_type  text,
  token_id      text,
  replay_of     bigint,
  topic         text,
  partition     integer,
  "offset"      bigint,
  primary key (position, received_at)
) partition by range (received_at);

-- Catches what a clock that jumps would put outside the monthly partitions.
create table stg.journal_default partition of stg.journal default;

-- Followers and the tail read in this order; rows that move no figure are not in it.
create index journal_follow on stg.journal (epoch, xid, position) where contributions is not null;
create index journal_sale on stg.journal (source_id) where source_id is not null;
create index journal_trouble on stg.journal (verdict, position) where verdict not in ('accepted', 'reattributed');

-- A conflict or a rejection that arrives again counts up here instead of storing another body; the journal
-- itself is insert-only, and a partitioned table could not hold the unique key.
create table stg.repeat (
  fingerprint  bytea primary key,
  position     bigint      not null,
  seen_count   bigint      not null default 1,
  last_seen_at timestamptz not null
);
create index repeat_position on stg.repeat (position);

-- --------------------------------------------------------------------------------------------- registry

create table stg.sale (
  source           text   not null,
  -- '' where ids are unique by themselves, the place's id under IDENTITY=place.
  place_scope      text   not null,
  source_id        text collate "C" not null,
  version          text collate "C" not null,
  content_hash     bytea  not null,
  -- Set when the body is redacted, so that a resend spelt differently is still known.
  canonical_hash   bytea,
  journal_position bigint not null,
  journal_at       timestamptz not null,
  sale_seq         integer not null,
  status           text   not null,
  place_id         text   not null,
  business_date    date   not null,
  reference_version bigint not null,
  primary key (source_id, source, place_scope)
) partition by hash (source_id);

do $$
begin
  for part in 0..7 loop
    execute format('create table stg.sale_%s partition of stg.sale for values with (modulus 8, remainder %s) with (fillfactor = 90)', part, part);
  end loop;
end $$;

create index sale_place on stg.sale (place_id, business_date);

-- -------------------------------------------------------------------------------------------- reference

-- One row. Loads hold advisory lock 7101 in share mode while they use a version, a change takes it
-- exclusively to raise it: no load commits figures of an older version after the change.
create table ops.reference_state (only_row boolean primary key default true check (only_row), version bigint not null);
insert into ops.reference_state (version) values (0);

-- Insert-only. `fields` names only what this change sets; each field has its own timeline.
create table ops.reference_change (
  version     bigint      not null,
  kind        text        not null,
  id          text        not null,
  -- Local date-time from which it holds; null: since the beginning.
  since       timestamp,
  fields      jsonb       not null,
  changed_at  timestamptz not null default now(),
  token_id    text,
  primary key (kind, id, version)
);
create index reference_change_version on ops.reference_change (version);

-- What is shown beside the ids: made on sight, named by the newest sale until someone names it by hand.
create table ops.place (
  place_id      text primary key,
  place_name    text,
  named_at      timestamptz,
  named_by_hand boolean not null default false,
  groups        text[] not null default '{}',
  created_at    timestamptz not null default now()
);
create table ops.product (
  product_id    text primary key,
  product_name  text,
  named_at      timestamptz,
  named_by_hand boolean not null default false,
  created_at    timestamptz not null default now()
);

-- ------------------------------------------------------------------------------------------------- ops

-- One row: which cluster we are on, and how sales are told apart (chosen before the first).
create table ops.installation (
  only_row          boolean primary key default true check (only_row),
  epoch             integer not null,
  system_identifier bigint  not null,
  identity          text
);

create table ops.token (
  token_id    text primary key,
  name        text        not null,
  secret_hash bytea       not null unique,
  roles       text[]      not null,
  place_id    text,
  created_at  timestamptz not null default now(),
  expires_at  timestamptz,
  revoked_at  timestamptz
);

-- How far an import of a file has come; the key is the file's content and mapping.
create table ops.import_progress (
  import_key    text primary key,
  file_name     text        not null,
  done_bytes    bigint      not null,
  done_records  bigint      not null,
  rejected      bigint      not null,
  updated_at    timestamptz not null default now()
);

-- ------------------------------------------------------------------------------------------------ marts

-- Readers name this table first, so that they wait for a swap of the marts before their snapshot is taken.
create table cdm.generation (generation integer primary key, built_at timestamptz not null default now());
insert into cdm.generation (generation) values (1);

-- Up to which journal row the marts are folded. Belongs to the marts and is swapped with them.
create table cdm.cursor (
  follower text primary key,
  epoch    integer not null,
  xid      xid8    not null,
  position bigint  not null,
  moved_at timestamptz not null default now()
);
insert into cdm.cursor (follower, epoch, xid, position) values ('fold', 0, '0', 0);

-- Periods whose coarse rows are behind; a reader takes the level below for them.
create sequence cdm.dirty_mark;
create table cdm.dirty (
  level      text not null,
  place_id   text not null,
  period     date not null,
  mark       bigint not null,
  since      timestamptz not null default now(),
  touched_at timestamptz not null default now(),
  primary key (level, place_id, period)
) with (fillfactor = 70);

create table cdm.sales_hour (
  place_id text not null, period date not null, hour_at timestamptz not null,
  source text not null, payment_method text not null, currency text not null,
  sales bigint not null, refunds bigint not null, discounts bigint not null, receipts bigint not null,
  refund_receipts bigint not null, units bigint not null, nds bigint not null, tips bigint not null,
  primary key (place_id, period, hour_at, source, payment_method, currency)
) with (fillfactor = 80);

create table cdm.category_hour (
  place_id text not null, period date not null, hour_at timestamptz not null,
  source text not null, payment_method text not null, currency text not null, category text not null,
  sales bigint not null, refunds bigint not null, receipts bigint not null,
  refund_receipts bigint not null, units bigint not null,
  primary key (place_id, period, hour_at, category, source, payment_method, currency)
) with (fillfactor = 80);

-- Category '*' holds nothing but the receipts counted too often where one sale has a product under several
-- categories, so that a sum over categories is right for the product.
create table cdm.product_day (
  place_id text not null, period date not null,
  source text not null, payment_method text not null, currency text not null,
  category text not null, product_id text not null,
  sales bigint not null, refunds bigint not null, receipts bigint not null,
  refund_receipts bigint not null, units bigint not null,
  primary key (place_id, period, product_id, category, source, payment_method, currency)
) with (fillfactor = 80);

-- Five-minute figures of a place, by the time of the sale (by_arrival false) and of its arrival (true).
create table cdm.place_pulse (
  place_id text not null, by_arrival boolean not null, slot_at timestamptz not null, period date not null,
  source text not null, currency text not null,
  sales bigint not null, refunds bigint not null, discounts bigint not null, receipts bigint not null,
  refund_receipts bigint not null, units bigint not null, nds bigint not null, tips bigint not null,
  primary key (place_id, by_arrival, slot_at, period, source, currency)
) with (fillfactor = 80);

create table cdm.sales_day (
  place_id text not null, period date not null,
  source text not null, payment_method text not null, currency text not null,
  sales bigint not null, refunds bigint not null, discounts bigint not null, receipts bigint not null,
  refund_receipts bigint not null, units bigint not null, nds bigint not null, tips bigint not null,
  primary key (place_id, period, source, payment_method, currency)
);
create table cdm.sales_month (like cdm.sales_day including all);
create table cdm.sales_year (like cdm.sales_day including all);

create table cdm.category_day (
  place_id text not null, period date not null,
  source text not null, payment_method text not null, currency text not null, category text not null,
  sales bigint not null, refunds bigint not null, receipts bigint not null,
  refund_receipts bigint not null, units bigint not null,
  primary key (place_id, period, category, source, payment_method, currency)
);
create table cdm.category_month (like cdm.category_day including all);
create table cdm.category_year (like cdm.category_day including all);

create table cdm.product_month (like cdm.product_day including all);
create table cdm.product_year (like cdm.product_day including all);
create index product_month_product on cdm.product_month (product_id, period);
create index product_year_product on cdm.product_year (product_id, period);

create table cdm.sales_chain_day (
  period date not null,
  source text not null, payment_method text not null, currency text not null,
  sales bigint not null, refunds bigint not null, discounts bigint not null, receipts bigint not null,
  refund_receipts bigint not null, units bigint not null, nds bigint not null, tips bigint not null,
  primary key (period, source, payment_method, currency)
);
create table cdm.category_chain_day (
  period date not null,
  source text not null, payment_method text not null, currency text not null, category text not null,
  sales bigint not null, refunds bigint not null, receipts bigint not null,
  refund_receipts bigint not null, units bigint not null,
  primary key (period, category, source, payment_method, currency)
);

-- The one place that reads a contribution: fold, tail and audit all go through it. One row for the whole
-- sale (scope 0), one a category (1), one a product and category (2). Written so that it is inlined.
create function cdm.contribution_rows(contributions jsonb)
returns table (
  scope integer, place_id text, period date, hour_at timestamptz, sale_at timestamptz, arrived_at timestamptz,
  source text, payment_method text, currency text, category text, product_id text,
  sales bigint, refunds bigint, discounts bigint, receipts bigint, refund_receipts bigint, units bigint,
  nds bigint, tips bigint
)
language sql immutable parallel safe
as $$
  select r.scope, c.place_id, c.period, c.hour_at, c.sale_at, c.arrived_at, c.source, c.payment_method, c.currency,
    r.category, r.product_id,
    case when c.is_refund then 0 else c.sign * r.amount end,
    case when c.is_refund then c.sign * r.amount else 0 end,
    case when c.is_refund then 0 else c.sign * r.discount end,
    case when c.is_refund then 0 else c.sign * r.count end,
    case when c.is_refund then c.sign * r.count else 0 end,
    c.direction * r.units, c.direction * r.nds, c.direction * r.tips
  from (
    select (e->>'sign')::bigint as sign,
      e->>'refund' = '1' as is_refund,
      case when e->>'refund' = '1' then -(e->>'sign')::bigint else (e->>'sign')::bigint end as direction,
      e->>'place' as place_id, (e->>'date')::date as period,
      to_timestamp((e->>'hour')::double precision) as hour_at,
      to_timestamp((e->>'at')::double precision) as sale_at,
      to_timestamp((e->>'got')::double precision) as arrived_at,
      e->>'source' as source, e->>'payment' as payment_method, e->>'currency' as currency,
      (e->>'total')::bigint as total, (e->>'nds')::bigint as nds, (e->>'tips')::bigint as tips,
      (e->>'discount')::bigint as discount, e->'categories' as categories, e->'products' as products
    from jsonb_array_elements(contributions) as e
    offset 0
  ) as c
  cross join lateral (
    select 0 as scope, null::text as category, null::text as product_id, c.total as amount, c.discount, 1::bigint as count,
      (select coalesce(sum((l->>1)::bigint), 0)::bigint from jsonb_array_elements(c.categories) as l) as units, c.nds, c.tips
    union all
    select 1, l->>0, null, (l->>2)::bigint, 0, 1, (l->>1)::bigint, 0, 0 from jsonb_array_elements(c.categories) as l
    union all
    select 2, l->>1, l->>0, (l->>3)::bigint, 0, (l->>4)::bigint, (l->>2)::bigint, 0, 0 from jsonb_array_elements(c.products) as l
  ) as r
$$;
