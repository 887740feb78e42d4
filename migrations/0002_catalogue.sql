-- Reference data beside the places: the product catalogue, users and restaurants. Their history stands in
-- ops.reference_change; here is what holds now.

create table ops.reference (
  kind       text        not null,
  id         text        not null,
  fields     jsonb       not null,
  changed_at timestamptz not null default now(),
  primary key (kind, id)
);

-- Where and when a product was sold whose category comes from the catalogue: with the registry's index by place
-- and date that finds its sales. By sale it would be several times larger, and cost every sale as much as its
-- marts. Written by the fold and never taken back: what is found for nothing is computed once and stays as it is.
create table stg.sale_product (
  product_id    text collate "C" not null,
  business_date date             not null,
  place_id      text             not null,
  primary key (product_id, business_date, place_id)
);
