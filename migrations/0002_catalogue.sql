-- Reference data beside the places: the product catalogue, users and restaurants. Their history stands in
-- ops.reference_change; here is what holds now.

create table ops.reference (
  kind       text        not null,
  id         text        not null,
  fields     jsonb       not null,
  changed_at timestamptz not null default now(),
  primary key (kind, id)
);

-- Finds the sales whose category comes from the catalogue. Written by the fold and never taken back: a sale
-- that no longer has the product is looked at once and stays as it is.
create table stg.sale_product (
  product_id    text collate "C" not null,
  business_date date             not null,
  source_id     text collate "C" not null,
  source        text             not null,
  primary key (product_id, business_date, source_id, source)
);
