-- Most of what the fold reads of a sale are the numbers and names of its parts. As one array each they take half the
-- time to be written and to be read of what JSON takes. Format 3; `src/sales/stored-contribution.ts` says what stands
-- where. Rows of formats 1 and 2 stay as they are.

-- Scope 1: a row a category; scope 2: a row a product and category.
create function cdm.packed_parts(numbers bigint[], texts text[])
returns table (scope integer, category text, product_id text, amount bigint, units bigint, count bigint)
language sql immutable parallel safe
as $$
  select 1, c.category, null::text, numbers[7 + 2 * i], numbers[6 + 2 * i], 1::bigint
  from unnest(texts[2:1 + numbers[7]]) with ordinality as c(category, i)
  union all
  select 2, case when numbers[q.at] = 0 then '*' else texts[1 + numbers[q.at]] end, p.product_id,
    numbers[q.at + 2], numbers[q.at + 1], numbers[q.at + 3]
  from unnest(texts[2 + numbers[7]:]) with ordinality as p(product_id, i)
  cross join lateral (select 4 + 2 * numbers[7] + 4 * i as at) as q
$$;

drop function cdm.contribution_heads(jsonb);

-- `numbers` and `texts` of format 3, `categories` and `products` of format 1, `lines` of a daily file.
create function cdm.contribution_heads(contributions jsonb)
returns table (
  sold bigint, refunded bigint, direction bigint, place_id text, period date, hour_at timestamptz,
  sale_at timestamptz, arrived_at timestamptz, source text, payment_method text, currency text, total bigint,
  discount bigint, nds bigint, tips bigint, categories jsonb, products jsonb, lines bigint, units bigint,
  numbers bigint[], texts text[]
)
language sql stable parallel safe
as $$
  select case when e.refund = 1 then 0 else e.sign end, case when e.refund = 1 then e.sign else 0 end, d.direction,
    e.place, e.date, to_timestamp(coalesce(e.hour, e.n[1])), to_timestamp(coalesce(e.at, e.n[2])), to_timestamp(e.got),
    e.source, coalesce(e.payment, e.t[1]), e.currency, e.total, coalesce(e.discount, e.n[5]),
    d.direction * coalesce(e.nds, e.n[3]), d.direction * coalesce(e.tips, e.n[4]), e.categories, e.products, e.lines,
    d.direction * coalesce(e.n[6], e.units,
      (select sum((l->>1)::bigint)::bigint from jsonb_array_elements(e.categories) as l), 0),
    e.n, e.t
  from jsonb_to_recordset(contributions) as e (
    sign bigint, refund bigint, place text, date date, got double precision, source text, currency text, total bigint,
    n bigint[], t text[], hour double precision, at double precision, payment text, discount bigint, nds bigint,
    tips bigint, categories jsonb, products jsonb, lines bigint, units bigint)
  cross join lateral (select case when e.refund = 1 then -e.sign else e.sign end as direction) as d
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
    from cdm.packed_parts(h.numbers, h.texts) as s
    union all
    select s.scope, s.category, s.product_id, s.amount, s.count, 0, h.direction * s.units, 0, 0
    from cdm.sale_parts(h.categories, h.products) as s
    union all
    -- The fence keeps the groups from being set up for every sale that is no daily file.
    select d.scope, d.category, d.product_id, d.amount, d.count, 0, h.direction * d.units, 0, 0
    from (select h.lines as id where h.lines is not null offset 0) as file cross join lateral cdm.daily_parts(file.id) as d
  ) as p
$$;

-- One entry of a journal row as format 1 has it, so that entries written in different formats can be compared.
create function cdm.contribution_in_full(entry jsonb) returns jsonb
language sql stable parallel safe
as $$
  select case when entry ? 'n' then (
    select (entry - '{n,t}'::text[]) || jsonb_build_object('f', 1, 'refund', coalesce((entry->>'refund')::integer, 0),
      'payment', p.t[1], 'hour', p.n[1], 'at', p.n[2], 'nds', p.n[3], 'tips', p.n[4], 'discount', p.n[5],
      'categories', (select coalesce(jsonb_agg(jsonb_build_array(c.category, c.units, c.amount)), '[]')
        from cdm.packed_parts(p.n, p.t) as c where c.scope = 1),
      'products', (select coalesce(jsonb_agg(jsonb_build_array(c.product_id, c.category, c.units, c.amount, c.count)), '[]')
        from cdm.packed_parts(p.n, p.t) as c where c.scope = 2))
    from (select (entry->>'n')::bigint[] as n, (entry->>'t')::text[] as t) as p
  ) else entry end
$$;
