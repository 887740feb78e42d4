-- Held until the transaction ends, in share mode; see `ops.reference_state`. Volatile, so that the version is read after
-- the lock is there, whatever the calling statement sees: loading can hold, compare and register in one statement.
create function ops.hold_reference_version() returns bigint
language plpgsql volatile
as $$
declare
  held bigint;
begin
  perform pg_advisory_xact_lock_shared(7101);
  select version into strict held from ops.reference_state;
  return held;
end $$;

-- A mark is cleared by where it stands; its number was read by nobody any more.
alter table cdm.dirty drop column mark;
drop sequence cdm.dirty_mark;

-- Until the first ANALYZE after an import began, the planner looked up single rows of a place by these instead of by the
-- key, and read the same product of every place for each: minutes for a step of the roll-up. With the place it may.
drop index cdm.product_month_product, cdm.product_year_product;
create index product_month_product on cdm.product_month (product_id, period, place_id);
create index product_year_product on cdm.product_year (product_id, period, place_id);
