-- Daily files: the products of one place and day as rows, since a file may hold a million of them.

-- One row a file, from its first staged byte on. Products and bytes of an upload that is under way are
-- committed as they come, so that a slow sender holds no transaction open; they count from the moment the
-- journal row exists, and are cleaned up where it never comes to that.
create table stg.daily_document (
  document_id bigint      generated always as identity primary key,
  -- The journal row; null while the upload is under way.
  position    bigint,
  -- Whether the names of its products were taken over.
  named       boolean     not null default false,
  touched_at  timestamptz not null default now(),
  -- Of the bytes and of the parsed values, from the moment it counts: a resend is known by either, also where
  -- the registry was made anew from the journal.
  content_hash   bytea,
  canonical_hash bytea
);
create unique index daily_document_position on stg.daily_document (position) where position is not null;
create index daily_document_unfinished on stg.daily_document (touched_at) where position is null or not named;

-- Insert-only like the journal, whose contributions name them (`lines`).
create table stg.daily_line (
  document_id  bigint  not null,
  -- Its place in the file, from 1.
  number       integer not null,
  product_id   text collate "C" not null,
  product_name text    not null,
  category     text collate "C" not null,
  quantity     bigint  not null,
  price        bigint  not null,
  amount       bigint  not null,
  primary key (document_id, number)
);

-- Bodies over 1 MiB; smaller ones stand in the journal itself.
create table stg.document_chunk (
  document_id bigint  not null,
  number      integer not null,
  bytes       bytea   not null,
  primary key (document_id, number)
);

create index sale_daily on stg.sale (business_date, place_id) where source = 'daily';

-- Format 2 besides format 1: the categories and products of a daily file stand in stg.daily_line, under the
-- number in `lines`, and `units` is their sum. A jsonb of a million products would take 500 MB of the server
-- to build and to read, and one that takes two of them out and in could pass the 256 MB a jsonb may have.
create or replace function cdm.contribution_rows(contributions jsonb)
returns table (
  scope integer, place_id text, period date, hour_at timestamptz, sale_at timestamptz, arrived_at timestamptz,
  source text, payment_method text, currency text, category text, product_id text,
  sales bigint, refunds bigint, discounts bigint, receipts bigint, refund_receipts bigint, units bigint,
  nds bigint, tips bigint
)
language sql stable parallel safe
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
      (e->>'discount')::bigint as discount, e->'categories' as categories, e->'products' as products,
      (e->>'lines')::bigint as lines, (e->>'units')::bigint as line_units
    from jsonb_array_elements(contributions) as e
    offset 0
  ) as c
  cross join lateral (
    select 0 as scope, null::text as category, null::text as product_id, c.total as amount, c.discount, 1::bigint as count,
      coalesce(c.line_units, (select coalesce(sum((l->>1)::bigint), 0)::bigint from jsonb_array_elements(c.categories) as l)) as units,
      c.nds, c.tips
    union all
    select 1, l->>0, null, (l->>2)::bigint, 0, 1, (l->>1)::bigint, 0, 0 from jsonb_array_elements(c.categories) as l
    union all
    select 2, l->>1, l->>0, (l->>3)::bigint, 0, (l->>4)::bigint, (l->>2)::bigint, 0, 0 from jsonb_array_elements(c.products) as l
    -- The fence (offset 0) keeps the groups from being set up for every sale that is no daily file.
    union all
    select 1, d.category, null, d.amount, 0, 1, d.units, 0, 0
    from (select c.lines as id where c.lines is not null offset 0) as file
    cross join lateral (
      select l.category, sum(l.amount)::bigint as amount, sum(l.quantity)::bigint as units
      from stg.daily_line as l where l.document_id = file.id group by l.category
    ) as d
    union all
    select 2, d.category, d.product_id, d.amount, 0, 1, d.units, 0, 0
    from (select c.lines as id where c.lines is not null offset 0) as file
    cross join lateral (
      select l.product_id, l.category, sum(l.amount)::bigint as amount, sum(l.quantity)::bigint as units
      from stg.daily_line as l where l.document_id = file.id group by l.product_id, l.category
    ) as d
    union all
    select 2, '*', d.product_id, 0, 0, 1 - d.categories, 0, 0, 0
    from (select c.lines as id where c.lines is not null offset 0) as file
    cross join lateral (
      select l.product_id, count(distinct l.category) as categories
      from stg.daily_line as l where l.document_id = file.id
      group by l.product_id having count(distinct l.category) > 1
    ) as d
  ) as r
$$;
