-- The Data Vault: what the business knows (hubs), what belongs together (links) and how it was described over
-- time (satellites). Written by the vault follower behind the journal and the reference history; rows are added
-- and never changed, but for an erasure, which puts another key in the place of a person's. Money is bigint minor
-- units, quantity bigint thousandths.
--
-- A hub's key is uuid5(NAMESPACE_OID, business key); a link's is uuid5(NAMESPACE_OID, key || '/' || key) of the
-- two hubs it names, in the order of its columns. In SQL, with the extension uuid-ossp:
--   uuid_generate_v5(uuid_ns_oid(), product_id)
--   uuid_generate_v5(uuid_ns_oid(), order_key || '/' || product_key)

create schema if not exists dds;
comment on schema dds is 'The Data Vault. Start with dds.v_sale_current and dds.v_sale_line_current; the tables keep the full history.';

-- Open orders, messages that came too late and erasures move no figure, so the index of the fold passes them by.
create index journal_vault on stg.journal (epoch, xid, position)
  where contributions is null and verdict in ('accepted', 'corrected', 'stale', 'reattributed', 'erased');

-- ------------------------------------------------------------------------------------------------ cursors

-- 'journal': the last journal row that is in the vault; 'reference': the last version of the reference history, in
-- `position`. Belongs to the tables and is swapped with them; who remembers which keys are stored asks `generation`.
create table dds.cursor (
  follower   text primary key,
  epoch      integer not null,
  xid        xid8    not null,
  position   bigint  not null,
  generation integer not null,
  moved_at   timestamptz not null default now()
);
insert into dds.cursor (follower, epoch, xid, position, generation)
values ('journal', 0, '0', 0, 1), ('reference', 0, '0', 0, 1);

-- --------------------------------------------------------------------------------------------------- hubs

create table dds.h_user (
  user_key uuid primary key, user_id text collate "C" not null, load_dt timestamptz not null, load_src text not null
);
create table dds.h_product (
  product_key uuid primary key, product_id text collate "C" not null, load_dt timestamptz not null, load_src text not null
);
create table dds.h_category (
  category_key uuid primary key, category_name text collate "C" not null, load_dt timestamptz not null, load_src text not null
);
create table dds.h_restaurant (
  restaurant_key uuid primary key, restaurant_id text collate "C" not null, load_dt timestamptz not null, load_src text not null
);
-- order_id, the business key, is the id of an order; of another sale source:id; where ids are told apart by place
-- (IDENTITY=place) source:"place":id. An order whose id looks like one of those has order: before it.
create table dds.h_order (
  order_key uuid primary key, order_id text collate "C" not null, source_id text collate "C" not null,
  load_dt timestamptz not null, load_src text not null
);

comment on table dds.h_user is 'Customers, by their id.';
comment on table dds.h_product is 'Products and dishes, by their id.';
comment on table dds.h_category is 'Categories, by their name.';
comment on table dds.h_restaurant is 'Places: shops and restaurants, by their id.';
comment on table dds.h_order is 'Sales of every source: orders, receipts, transactions, daily files.';
comment on column dds.h_order.order_id is 'Business key: the id of an order, source:id of any other sale.';

-- -------------------------------------------------------------------------------------------------- links

-- Its lines are found from the sale, so this one is unique by the pair, from which the link's key follows: one index
-- less for every line that is loaded.
create table dds.l_order_product (
  link_key uuid not null, order_key uuid not null, product_key uuid not null,
  load_dt timestamptz not null, load_src text not null,
  primary key (order_key, product_key)
);
create table dds.l_order_user (
  link_key uuid primary key, order_key uuid not null, user_key uuid not null,
  load_dt timestamptz not null, load_src text not null
);
create index l_order_user_user on dds.l_order_user (user_key);
create table dds.l_order_restaurant (
  link_key uuid primary key, order_key uuid not null, restaurant_key uuid not null,
  load_dt timestamptz not null, load_src text not null
);
create table dds.l_product_category (
  link_key uuid primary key, product_key uuid not null, category_key uuid not null,
  load_dt timestamptz not null, load_src text not null
);
create table dds.l_product_restaurant (
  link_key uuid primary key, product_key uuid not null, restaurant_key uuid not null,
  load_dt timestamptz not null, load_src text not null
);

comment on table dds.l_order_product is 'Which products were ever in a sale; the lines are in s_order_line.';
comment on table dds.l_order_user is 'Whose sale it was, in any of its versions; s_order_context says which holds.';
comment on table dds.l_order_restaurant is 'Where it was sold, in any of its versions; s_order_context says which holds.';
comment on table dds.l_product_category is 'Under which categories a product was sold or listed.';
comment on table dds.l_product_restaurant is 'Where a product was sold or stands on the menu.';

-- --------------------------------------------------------------------------------------------- satellites

-- Every version of a sale has one row in s_order_context and s_order_cost and all its lines in s_order_line. Rows
-- are ordered by (version, sale_seq), never by when they came: sale_seq tells a version as it arrived from the same
-- version attributed anew, and is 0 for one that came after a later version.
create table dds.s_order_context (
  order_key uuid not null, version text collate "C" not null, sale_seq integer not null,
  restaurant_key uuid not null, user_key uuid, source text not null, status text not null, kind text not null,
  business_date date not null, sale_at timestamptz not null, currency text not null, payment_method text not null,
  journal_position bigint not null,
  load_dt timestamptz not null, load_src text not null, hashdiff uuid not null,
  primary key (order_key, version, sale_seq)
);
create index s_order_context_date on dds.s_order_context (business_date);
create table dds.s_order_cost (
  order_key uuid not null, version text collate "C" not null, sale_seq integer not null,
  total bigint not null, discount bigint not null, nds bigint not null, tips bigint not null,
  load_dt timestamptz not null, load_src text not null, hashdiff uuid not null,
  primary key (order_key, version, sale_seq)
);
-- Each entry of an order's list of statuses, by the time it names itself; without an offset it is as written.
create table dds.s_order_status (
  order_key uuid not null, status text collate "C" not null, status_at timestamp not null,
  load_dt timestamptz not null, load_src text not null, hashdiff uuid not null,
  primary key (order_key, status, status_at)
);
create table dds.s_order_line (
  link_key uuid not null, line_number integer not null, version text collate "C" not null, sale_seq integer not null,
  quantity bigint not null, price bigint not null, amount bigint not null, category_key uuid not null,
  is_deleted boolean not null,
  load_dt timestamptz not null, load_src text not null, hashdiff uuid not null,
  primary key (link_key, line_number, version, sale_seq)
);
-- What is called how since when; a name given by hand stands above one that came with a sale.
create table dds.s_product_names (
  product_key uuid not null, by_hand boolean not null, named_at timestamptz not null, name text not null,
  load_dt timestamptz not null, load_src text not null, hashdiff uuid not null,
  primary key (product_key, by_hand, named_at, hashdiff)
);
create table dds.s_restaurant_names (
  restaurant_key uuid not null, by_hand boolean not null, named_at timestamptz not null, name text not null,
  load_dt timestamptz not null, load_src text not null, hashdiff uuid not null,
  primary key (restaurant_key, by_hand, named_at, hashdiff)
);
create table dds.s_user_names (
  user_key uuid not null, by_hand boolean not null, named_at timestamptz not null, name text not null, login text,
  load_dt timestamptz not null, load_src text not null, hashdiff uuid not null,
  primary key (user_key, by_hand, named_at, hashdiff)
);

comment on table dds.s_order_context is 'Where, when and how a sale was made, in every version of it.';
comment on column dds.s_order_context.version is 'Sorts: the highest (version, sale_seq) is what holds.';
comment on column dds.s_order_context.load_dt is 'When it was received; the same in every table.';
comment on column dds.s_order_context.status is 'open, closed or cancelled; only closed sales count.';
comment on column dds.s_order_context.kind is 'sale or refund; the amounts of a refund are positive too.';
comment on column dds.s_order_context.hashdiff is 'md5 of what describes the sale; the keys are not in it.';
comment on table dds.s_order_cost is 'The sums of a sale in minor units of its currency, in every version of it.';
comment on table dds.s_order_status is 'Every state an order went through, with its own time.';
comment on table dds.s_order_line is 'The lines of a sale, in every version of it; a line that a correction removed has a row with is_deleted.';
comment on column dds.s_order_line.quantity is 'In thousandths.';
comment on column dds.s_order_line.price is 'In minor units of the currency of the sale.';
comment on table dds.s_product_names is 'What products were called.';
comment on table dds.s_restaurant_names is 'What places were called.';
comment on table dds.s_user_names is 'What customers were called; personal data.';

-- ------------------------------------------------------------------------------------------------- views

-- The bodies are texts on purpose: they find the tables by name each time, so that a rebuild can put others in
-- their place. Written so that they are inlined and a condition reaches the tables.
create function dds.v_sale_as_of(as_of timestamptz)
returns table (
  order_key uuid, order_id text, source text, source_id text, version text, sale_seq integer, place_id text,
  place_name text, user_key uuid, business_date date, sale_at timestamptz, currency text, payment_method text,
  kind text, total bigint, discount bigint, nds bigint, tips bigint, net bigint, load_dt timestamptz
)
language sql stable parallel safe
as $$
  select c.order_key, o.order_id, c.source, o.source_id, c.version, c.sale_seq, r.restaurant_id,
    coalesce(n.name, r.restaurant_id), c.user_key, c.business_date, c.sale_at, c.currency, c.payment_method, c.kind,
    k.total, k.discount, k.nds, k.tips, case c.kind when 'refund' then -k.total else k.total end, c.load_dt
  from dds.s_order_context as c
  join dds.s_order_cost as k on k.order_key = c.order_key and k.version = c.version and k.sale_seq = c.sale_seq
  join dds.h_order as o on o.order_key = c.order_key
  join dds.h_restaurant as r on r.restaurant_key = c.restaurant_key
  left join (
    select distinct on (s.restaurant_key) s.restaurant_key, s.name from dds.s_restaurant_names as s
    order by s.restaurant_key, s.by_hand desc, s.named_at desc, s.load_dt desc
  ) as n on n.restaurant_key = c.restaurant_key
  where c.status = 'closed' and c.load_dt <= as_of and not exists (
    select from dds.s_order_context as later
    where later.order_key = c.order_key and (later.version, later.sale_seq) > (c.version, c.sale_seq)
      and later.load_dt <= as_of
  )
$$;
comment on function dds.v_sale_as_of is
  'Every sale that counted at a moment, as it was known then: one row a sale, sums in minor units of its currency. net is the total, negative for a refund. Names are those of today.';

create function dds.v_sale_line_as_of(as_of timestamptz)
returns table (
  order_key uuid, order_id text, source text, source_id text, place_id text, place_name text, user_key uuid,
  business_date date, sale_at timestamptz, currency text, payment_method text, kind text, line_number integer,
  product_id text, product_name text, category text, quantity bigint, price bigint, amount bigint, net_amount bigint,
  load_dt timestamptz
)
language sql stable parallel safe
as $$
  select s.order_key, s.order_id, s.source, s.source_id, s.place_id, s.place_name, s.user_key, s.business_date,
    s.sale_at, s.currency, s.payment_method, s.kind, l.line_number, p.product_id, coalesce(n.name, p.product_id),
    g.category_name, l.quantity, l.price, l.amount, case s.kind when 'refund' then -l.amount else l.amount end, s.load_dt
  from dds.v_sale_as_of(as_of) as s
  join dds.l_order_product as i on i.order_key = s.order_key
  join dds.s_order_line as l on l.link_key = i.link_key and l.version = s.version and l.sale_seq = s.sale_seq
    and not l.is_deleted
  join dds.h_product as p on p.product_key = i.product_key
  join dds.h_category as g on g.category_key = l.category_key
  left join (
    select distinct on (s.product_key) s.product_key, s.name from dds.s_product_names as s
    order by s.product_key, s.by_hand desc, s.named_at desc, s.load_dt desc
  ) as n on n.product_key = i.product_key
$$;
comment on function dds.v_sale_line_as_of is
  'The lines of dds.v_sale_as_of: quantity in thousandths, price and amount in minor units, before the discount of the sale. net_amount is negative in a refund.';

create view dds.v_sale_current as select * from dds.v_sale_as_of('infinity');
comment on view dds.v_sale_current is
  'Every sale that counts now, one row a sale: sum(net) by business_date and currency is the revenue of a day.';
create view dds.v_sale_line_current as select * from dds.v_sale_line_as_of('infinity');
comment on view dds.v_sale_line_current is
  'The lines of every sale that counts now: what was sold, where, when, under which category, for how much.';
