-- Views for BI tools: figures in the currency's own units, exact at every moment (clean periods, dirty ones from the
-- level below, and the tail of the journal), without joins to think of. A role of `tillstream bi-role create` may
-- read these and nothing else, so they read tables as their owner does; only the tail goes through a function.

-- ISO 4217, as src/base/money.ts has it.
create function cdm.money(minor bigint, currency text) returns numeric
language sql immutable parallel safe
return case
  when currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') then minor::numeric
  when currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then minor * 0.001
  when currency in ('CLF', 'UYW') then minor * 0.0001
  else minor * 0.01
end;
comment on function cdm.money is 'Minor units as an amount with the digits of its currency.';

-- The rows of the journal that the marts do not have yet, for who may not read the journal: bounded, since loading
-- waits when they are too many. The body is a text on purpose: it finds the cursor by name, so that a rebuild can put
-- another one in its place.
create function cdm.tail_rows(asked_scope integer)
returns table (
  place_id text, period date, hour_at timestamptz, source text, payment_method text, currency text, category text,
  product_id text, sales bigint, refunds bigint, discounts bigint, receipts bigint, refund_receipts bigint,
  units bigint, nds bigint, tips bigint
)
language sql stable security definer rows 100
set search_path = pg_catalog, pg_temp
as $$
  select t.place_id, t.period, t.hour_at, t.source, t.payment_method, t.currency, t.category, t.product_id, t.sales,
    t.refunds, t.discounts, t.receipts, t.refund_receipts, t.units, t.nds, t.tips
  from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as t
  where j.contributions is not null and t.scope = asked_scope
    and (j.epoch, j.xid, j.position) > (
      (select epoch from cdm.cursor where follower = 'fold'),
      (select xid from cdm.cursor where follower = 'fold'),
      (select position from cdm.cursor where follower = 'fold'))
$$;
revoke execute on function cdm.tail_rows from public;
comment on function cdm.tail_rows is 'What is not folded yet; scope 0 whole sales, 1 categories, 2 products and categories.';

-- ------------------------------------------------------------------------------------------------- marts

-- One view a family of marts and unit. A dirty period is read from the level below, mark by mark: `offset 0` keeps the
-- planner from reading a whole mart for a few marks.
do $$
declare
  family text; unit text; scope integer; own text; figures text; parts text; sums text; nonzero text; shown text;
  name text; period text;
  lines constant text := 'sales, refunds, receipts, refund_receipts, units';
begin
  for family, scope, own, figures in values
    ('sales', 0, '', 'sales, refunds, discounts, receipts, refund_receipts, units, nds, tips'),
    ('category', 1, ', category', lines),
    ('product', 2, ', product_id', lines)
  loop
    sums := (select string_agg(format('sum(%1$s)::bigint as %1$s', f), ', ') from regexp_split_to_table(figures, ', ') as f);
    nonzero := (select string_agg(format('sum(%s) <> 0', f), ' or ') from regexp_split_to_table(figures, ', ') as f);
    foreach unit in array case when family = 'sales' then array['hour', 'day', 'month'] else array['day', 'month'] end
    loop
      parts := format('select period, place_id, hour_at, source, payment_method, currency%s, %s from cdm.tail_rows(%s)', own, figures, scope);
      if unit = 'hour' then
        parts := parts || format(' union all select period, place_id, hour_at, source, payment_method, currency, %s from cdm.sales_hour', figures);
      elsif unit = 'day' and family = 'product' then
        parts := parts || format(' union all select period, place_id, null::timestamptz as hour_at, source, payment_method, currency%s, %s from cdm.product_day', own, figures);
      else
        parts := parts || format(
          ' union all select t.period, t.place_id, null::timestamptz as hour_at, t.source, t.payment_method, t.currency%1$s, %2$s from cdm.%3$s_%4$s as t
             where not exists (select from cdm.dirty as n where n.level = %4$L and n.place_id = t.place_id and n.period = t.period)',
          own, figures, family, unit);
        if unit = 'month' then
          parts := parts || format(
            ' union all select d.period, d.place_id, null::timestamptz as hour_at, t.source, t.payment_method, t.currency%1$s, %2$s from cdm.dirty as d
               cross join lateral (select c.* from cdm.%3$s_day as c
                 where c.place_id = d.place_id and c.period >= d.period and c.period < (d.period + interval ''1 month'')::date
                   %4$s offset 0) as t
               where d.level = ''month''',
            own, figures, family,
            case when family = 'product' then '' else
              'and not exists (select from cdm.dirty as n where n.level = ''day'' and n.place_id = c.place_id and n.period = c.period)' end);
        end if;
        if family <> 'product' then
          parts := parts || format(
            ' union all select d.period, d.place_id, null::timestamptz as hour_at, t.source, t.payment_method, t.currency%1$s, %2$s from cdm.dirty as d
               cross join lateral (select h.* from cdm.%3$s_hour as h
                 where h.place_id = d.place_id and h.period = d.period offset 0) as t
               where d.level = ''day''',
            own, figures, family);
        end if;
      end if;
      name := format('cdm.v_%s_%s', family, unit);
      period := case unit when 'month' then 'date_trunc(''month'', a.period)::date' else 'a.period' end;
      shown := case unit when 'month' then 'month' else 'business_date' end;
      execute format(
        'create view %s as
         select b.%s%s, b.place_id, coalesce(l.place_name, b.place_id) as place_name, b.source, b.payment_method, b.currency%s,
           cdm.money(b.sales, b.currency) as sales, cdm.money(b.refunds, b.currency) as refunds,
           cdm.money(b.sales - b.refunds, b.currency) as net, b.receipts, b.refund_receipts, b.units * 0.001 as units%s
         from (
           select %s as %s%s, a.place_id, a.source, a.payment_method, a.currency%s, %s
           from (%s) as a
           group by 1, 2, 3, 4, 5%s having %s
         ) as b
         left join ops.place as l on l.place_id = b.place_id%s',
        name, shown, case unit when 'hour' then ', b.hour_at' else '' end,
        case family when 'category' then ', b.category'
          when 'product' then ', b.product_id, coalesce(p.product_name, b.product_id) as product_name' else '' end,
        case family when 'sales' then ', cdm.money(b.discounts, b.currency) as discounts, cdm.money(b.nds, b.currency) as nds, cdm.money(b.tips, b.currency) as tips' else '' end,
        period, shown, case unit when 'hour' then ', a.hour_at' else '' end, replace(own, ', ', ', a.'), sums, parts,
        case when unit = 'hour' or family <> 'sales' then ', 6' else '' end, nonzero,
        case family when 'product' then ' left join ops.product as p on p.product_id = b.product_id' else '' end);
    end loop;
  end loop;
end $$;

create view cdm.v_unique_customers as
  select q.kind as period_kind, case q.kind when 'all' then null else q.period end as period_start, k.scope,
    case k.scope when 'category' then k.key end as category, case k.scope when 'product' then k.key end as product_id,
    q.customers
  from cdm.unique_customers as q join cdm.counted_key as k on k.key_no = q.key_no;

create view cdm.v_place as
  select p.place_id, coalesce(p.place_name, p.place_id) as place_name, p.groups, p.created_at as seen_at from ops.place as p;
create view cdm.v_product as
  select p.product_id, coalesce(p.product_name, p.product_id) as product_name, r.fields->>'category' as catalogue_category
  from ops.product as p left join ops.reference as r on r.kind = 'product' and r.id = p.product_id;

-- ------------------------------------------------------------------------------------------------- vault

-- The same sales as dds.v_sale_current and dds.v_sale_line_current, without whose they were.
create view dds.v_sale as
  select c.order_key, c.source, o.source_id as id, c.kind as type, c.business_date, c.sale_at as sold_at,
    r.restaurant_id as place_id, coalesce(l.place_name, r.restaurant_id) as place_name, c.payment_method, c.currency,
    cdm.money(k.total, c.currency) as total, cdm.money(case c.kind when 'refund' then -k.total else k.total end, c.currency) as net,
    cdm.money(k.discount, c.currency) as discount, cdm.money(k.nds, c.currency) as nds, cdm.money(k.tips, c.currency) as tips
  from dds.s_order_context as c
  join dds.s_order_cost as k on k.order_key = c.order_key and k.version = c.version and k.sale_seq = c.sale_seq
  join dds.h_order as o on o.order_key = c.order_key
  join dds.h_restaurant as r on r.restaurant_key = c.restaurant_key
  left join ops.place as l on l.place_id = r.restaurant_id
  where c.status = 'closed' and not exists (
    select from dds.s_order_context as later
    where later.order_key = c.order_key and (later.version, later.sale_seq) > (c.version, c.sale_seq));

create view dds.v_sale_line as
  select c.order_key, c.source, o.source_id as id, c.kind as type, c.business_date, c.sale_at as sold_at,
    r.restaurant_id as place_id, coalesce(l.place_name, r.restaurant_id) as place_name, c.payment_method, s.line_number,
    p.product_id, coalesce(n.product_name, p.product_id) as product_name, g.category_name as category,
    s.quantity * 0.001 as quantity, c.currency, cdm.money(s.price, c.currency) as price,
    cdm.money(s.amount, c.currency) as amount,
    cdm.money(case c.kind when 'refund' then -s.amount else s.amount end, c.currency) as net_amount
  from dds.s_order_context as c
  join dds.h_order as o on o.order_key = c.order_key
  join dds.h_restaurant as r on r.restaurant_key = c.restaurant_key
  join dds.l_order_product as i on i.order_key = c.order_key
  join dds.s_order_line as s on s.link_key = i.link_key and s.version = c.version and s.sale_seq = c.sale_seq and not s.is_deleted
  join dds.h_product as p on p.product_key = i.product_key
  join dds.h_category as g on g.category_key = s.category_key
  left join ops.place as l on l.place_id = r.restaurant_id
  left join ops.product as n on n.product_id = p.product_id
  where c.status = 'closed' and not exists (
    select from dds.s_order_context as later
    where later.order_key = c.order_key and (later.version, later.sale_seq) > (c.version, c.sale_seq));

-- ----------------------------------------------------------------------------------------- personal data

-- Only for roles made with --personal. Who was erased is in none of them.
create view dds.v_sale_customer as
  select c.order_key, u.user_id as customer_id
  from dds.s_order_context as c
  join dds.h_user as u on u.user_key = c.user_key
  left join cdm.customer as e on e.customer_id = u.user_id
  where c.status = 'closed' and e.erased is not true and not exists (
    select from dds.s_order_context as later
    where later.order_key = c.order_key and (later.version, later.sale_seq) > (c.version, c.sale_seq));

create view cdm.v_customer as
  select c.customer_id, n.customer_name, u.currency, u.orders, u.units * 0.001 as units,
    cdm.money(u.spent, u.currency) as spent
  from cdm.customer as c
  join cdm.user_counter as u on u.user_no = c.user_no
  join cdm.counted_key as k on k.key_no = u.key_no and k.scope = 'total'
  left join ops.customer as n on n.customer_id = c.customer_id
  where not c.erased;
create view cdm.v_customer_category as
  select c.customer_id, k.key as category, u.currency, u.orders, u.units * 0.001 as units,
    cdm.money(u.spent, u.currency) as spent
  from cdm.customer as c
  join cdm.user_counter as u on u.user_no = c.user_no
  join cdm.counted_key as k on k.key_no = u.key_no and k.scope = 'category'
  where not c.erased;
create view cdm.v_customer_product as
  select c.customer_id, k.key as product_id, coalesce(p.product_name, k.key) as product_name, u.currency, u.orders,
    u.units * 0.001 as units, cdm.money(u.spent, u.currency) as spent
  from cdm.customer as c
  join cdm.user_counter as u on u.user_no = c.user_no
  join cdm.counted_key as k on k.key_no = u.key_no and k.scope = 'product'
  left join ops.product as p on p.product_id = k.key
  where not c.erased;
create view cdm.v_customer_tag as
  select c.customer_id, r.tag, t.decided_at
  from ops.customer_tag as t
  join ops.tag_rule as r on r.rule_id = t.rule_id and r.deleted_at is null
  join cdm.customer as c on c.user_no = t.user_no
  where t.assigned and not c.erased;

-- ---------------------------------------------------------------------------------------------- comments

comment on view cdm.v_sales_hour is 'Whole sales by hour, place, source, payment method and currency.';
comment on view cdm.v_sales_day is 'Whole sales by business day, place, source, payment method and currency.';
comment on view cdm.v_sales_month is 'Whole sales by month, place, source, payment method and currency; faster than days for a long period.';
comment on view cdm.v_category_day is 'Lines by business day, place, category, source, payment method and currency.';
comment on view cdm.v_category_month is 'Lines by month, place, category, source, payment method and currency.';
comment on view cdm.v_product_day is 'Lines by business day, place, product, source, payment method and currency.';
comment on view cdm.v_product_month is 'Lines by month, place, product, source, payment method and currency.';
comment on view cdm.v_unique_customers is 'How many customers bought in a day, week, month, year or ever: in all, of a category, of a product. Cannot be added up.';
comment on view cdm.v_place is 'Places and their groups.';
comment on view cdm.v_product is 'Products and their names.';
comment on view dds.v_sale is 'Every sale that counts now, one row a sale; up to about a second behind.';
comment on view dds.v_sale_line is 'The lines of every sale that counts now; up to about a second behind.';
comment on view dds.v_sale_customer is 'Personal data: whose sale it was.';
comment on view cdm.v_customer is 'Personal data: customers with what they bought, a row a currency.';
comment on view cdm.v_customer_category is 'Personal data: what customers bought, by category and currency.';
comment on view cdm.v_customer_product is 'Personal data: what customers bought, by product and currency.';
comment on view cdm.v_customer_tag is 'Personal data: the tags that customers have.';

-- A column means the same wherever it stands.
do $$
declare view_name text; column_name text; meaning text;
begin
  for view_name, column_name, meaning in
    select format('%I.%I', n.nspname, c.relname), a.attname, m.meaning
    from (values
      ('business_date', 'Business day of the place: after midnight it is still the day before until the place closes its day.'),
      ('month', 'First day of the month.'),
      ('hour_at', 'The instant at which the local hour began.'),
      ('sold_at', 'When it was sold.'),
      ('place_id', 'Id of the shop or restaurant.'),
      ('place_name', 'Its name today, or else the id.'),
      ('groups', 'Groups that the place belongs to.'),
      ('seen_at', 'When the place was first named.'),
      ('source', 'receipt, transaction or order; daily is what a place declared for a whole day, to be left out beside the others.'),
      ('payment_method', 'How it was paid; empty where nothing says so.'),
      ('currency', 'ISO 4217. Sums over several currencies mean nothing: filter by it or group by it.'),
      ('category', 'Category of the product when it was sold.'),
      ('catalogue_category', 'Category in the catalogue, for products that take it from there.'),
      ('product_id', 'Id of the product or dish.'),
      ('product_name', 'Its name today, or else the id.'),
      ('sales', 'Before refunds: totals of sales, or amounts of lines before the discount of the sale.'),
      ('refunds', 'What was given back.'),
      ('net', 'sales less refunds.'),
      ('discounts', 'Discounts on whole sales, already off sales.'),
      ('receipts', 'How many sales; of a category or product, how many contain it. Do not add up over categories or products.'),
      ('refund_receipts', 'How many refunds.'),
      ('units', 'Pieces or kilograms, less those of refunds.'),
      ('nds', 'VAT, contained in the totals, less that of refunds.'),
      ('tips', 'Tips, on top of the totals, less those of refunds.'),
      ('period_kind', 'day, week (from Monday), month, year, or all.'),
      ('period_start', 'First day of the period; null for all time.'),
      ('scope', 'total, category or product.'),
      ('customers', 'Different customers with at least one sale.'),
      ('order_key', 'Key of the sale, the same in every view of the vault: uuid5(NAMESPACE_OID, business key).'),
      ('id', 'Id of the sale, as its source numbers it.'),
      ('type', 'sale or refund.'),
      ('total', 'Total of the sale, positive in a refund too.'),
      ('discount', 'Discount on the whole sale, already off the total.'),
      ('line_number', 'Number of the line in its sale, from 1.'),
      ('quantity', 'Pieces or kilograms, positive in a refund too.'),
      ('price', 'Price of one.'),
      ('amount', 'Amount of the line before the discount of the sale, positive in a refund too.'),
      ('net_amount', 'The same, negative in a refund: what to add up.'),
      ('customer_id', 'Id of the customer; personal data.'),
      ('customer_name', 'Name from the newest sale; personal data.'),
      ('orders', 'How many sales, refunds left out.'),
      ('spent', 'What was paid for it, less refunds.'),
      ('tag', 'The tag.'),
      ('decided_at', 'When it was given.')
    ) as m(name, meaning)
    join pg_attribute as a on a.attname = m.name
    join pg_class as c on c.oid = a.attrelid and c.relkind = 'v' and c.relname like 'v\_%'
    join pg_namespace as n on n.oid = c.relnamespace and n.nspname in ('cdm', 'dds')
    where c.relname not in ('v_sale_current', 'v_sale_line_current')
  loop
    execute format('comment on column %s.%I is %L', view_name, column_name, meaning);
  end loop;
end $$;
