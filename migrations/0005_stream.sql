-- How far each partition of the topics is loaded. It moves in the transaction that loads the documents, by
-- compare-and-set, so a partition may change hands at any moment and nothing counts twice.
create table stg.stream_offset (
  topic_id    uuid        not null,
  partition   integer     not null,
  topic       text        not null,
  next_offset bigint      not null,
  moved_at    timestamptz not null default now(),
  primary key (topic_id, partition)
) with (fillfactor = 50);

-- The processors that are alive; each takes its share of the partitions, in the order of their ids.
create unlogged table stg.stream_reader (
  reader_id uuid        primary key,
  seen_at   timestamptz not null
) with (fillfactor = 50);

-- Signs what the collector says of a document, where STREAM_KEY does not.
create table ops.stream_key (only_row boolean primary key default true check (only_row), key bytea not null);
