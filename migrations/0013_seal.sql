-- Sealing: the journal before a month is replaced by one row a sale, as it stood then, in stg.sealed_sale. That table
-- is the oldest partition of the journal, made by the first `tillstream seal`, so whoever reads the journal finds
-- sealed sales where they always were.

create table ops.seal (
  seal_id     integer primary key generated always as identity,
  -- Received before; the first day of a month, UTC.
  before      timestamptz not null,
  sealed_at   timestamptz not null default now(),
  -- The last of the sealed rows in the order of followers: what saw this one knows of no change before it.
  epoch       integer     not null,
  xid         xid8        not null,
  sales       bigint      not null,
  rows_kept   bigint      not null,
  rows_dropped bigint     not null,
  partitions  text[]      not null,
  bytes_freed bigint      not null
);

-- Sales whose older journal rows were written while they were copied: an erasure, or a document that was long on
-- its way. Filled by triggers that exist for the length of a seal only.
create table ops.seal_change (source_id text collate "C");

create function ops.note_seal_change() returns trigger
language plpgsql
as $$
begin
  insert into ops.seal_change (source_id) values (new.source_id);
  return null;
end
$$;
