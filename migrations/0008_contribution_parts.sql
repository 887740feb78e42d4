-- The same rows as before in steps, so that the fold reads each contribution once and looks for lines of
-- daily files only where there are any: what holds for a whole sale, its categories, its products.

-- jsonb_to_recordset reads all members in one pass. The sign goes to `sold` or to `refunded`; what a refund
-- lowers takes `direction`. Of the whole sale, units, nds and tips have it already.
create function cdm.contribution_heads(contributions jsonb)
returns table (
  sold bigint, refunded bigint, direction bigint, place_id text, period date, hour_at timestamptz,
  sale_at timestamptz, arrived_at timestamptz, source text, payment_method text, currency text, total bigint,
  discount bigint, nds bigint, tips bigint, categories jsonb, products jsonb, lines bigint, units bigint
)
language sql stable parallel safe
as $$
  select case when e.refund = 1 then 0 else e.sign end, case when e.refund = 1 then e.sign else 0 end, d.direction, e.place, e.date, to_timestamp(e.hour),
    to_timestamp(e.at), to_timestamp(e.got), e.source, e.payment, e.currency, e.total, e.discount,
    d.direction * e.nds, d.direction * e.tips, e.categories, e.products, e.lines,
    d.direction * coalesce(e.units, (select sum((l->>1)::bigint)::bigint from jsonb_array_elements(e.categories) as l), 0)
  from jsonb_to_recordset(contributions) as e (
    sign bigint, refund bigint, place text, date date, hour double precision, at double precision,
    got double precision, source text, payment text, currency text, total bigint, discount bigint, nds bigint,
    tips bigint, categories jsonb, products jsonb, lines bigint, units bigint)
  cross join lateral (select case when e.refund = 1 then -e.sign else e.sign end as direction) as d
$$;

-- Scope 1: a row a category; scope 2: a row a product and category.
create function cdm.sale_parts(categories jsonb, products jsonb)
returns table (scope integer, category text, product_id text, amount bigint, units bigint, count bigint)
language sql immutable parallel safe
as $$
  select 1, l->>0, null::text, (l->>2)::bigint, (l->>1)::bigint, 1::bigint from jsonb_array_elements(categories) as l
  union all
  select 2, l->>1, l->>0, (l->>3)::bigint, (l->>2)::bigint, (l->>4)::bigint from jsonb_array_elements(products) as l
$$;

-- The same of a daily file, whose products stand in stg.daily_line.
create function cdm.daily_parts(lines bigint)
returns table (scope integer, category text, product_id text, amount bigint, units bigint, count bigint)
language sql stable parallel safe
as $$
  select 1, l.category, null::text, sum(l.amount)::bigint, sum(l.quantity)::bigint, 1::bigint
  from stg.daily_line as l where l.document_id = lines group by l.category
  union all
  select 2, l.category, l.product_id, sum(l.amount)::bigint, sum(l.quantity)::bigint, 1
  from stg.daily_line as l where l.document_id = lines group by l.product_id, l.category
  union all
  select 2, '*', l.product_id, 0, 0, 1 - count(distinct l.category)
  from stg.daily_line as l where l.document_id = lines
  group by l.product_id having count(distinct l.category) > 1
$$;

create or replace function cdm.contribution_rows(contributions jsonb)
returns table (
  scope integer, place_id text, period date, hour_at timestamptz, sale_at timestamptz, arrived_at timestamptz,
  source text, payment_method text, currency text, category text, product_id text,
  sales bigint, refunds bigint, discounts bigint, receipts bigint, refund_receipts bigint, units bigint,
  nds bigint, tips bigint
)
language sql stable parallel safe
as $$
  select p.scope, h.place_id, h.period, h.hour_at, h.sale_at, h.arrived_at, h.source, h.payment_method, h.currency,
    p.category, p.product_id,
    h.sold * p.amount, h.refunded * p.amount, p.discounts, h.sold * p.count, h.refunded * p.count, p.units, p.nds, p.tips
  from (select * from cdm.contribution_heads(contributions) offset 0) as h
  cross join lateral (
    select 0 as scope, null::text as category, null::text as product_id, h.total as amount, 1::bigint as count,
      h.sold * h.discount as discounts, h.units, h.nds, h.tips
    union all
    select s.scope, s.category, s.product_id, s.amount, s.count, 0, h.direction * s.units, 0, 0
    from cdm.sale_parts(h.categories, h.products) as s
    union all
    -- The fence keeps the groups from being set up for every sale that is no daily file.
    select d.scope, d.category, d.product_id, d.amount, d.count, 0, h.direction * d.units, 0, 0
    from (select h.lines as id where h.lines is not null offset 0) as file cross join lateral cdm.daily_parts(file.id) as d
  ) as p
$$;
