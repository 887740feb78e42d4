-- Whether an id of a product or a customer means the same at every place, as it did so far, or each place has its own.
alter table ops.installation add column product_id_scope text not null default 'chain'
  check (product_id_scope in ('chain', 'place'));
