-- What was named in orders and is not known yet: Redis had it not, or did not answer. Looked for now and then,
-- more and more rarely.
create table ops.reference_wanted (
  kind         text        not null,
  id           text collate "C" not null,
  looks        integer     not null default 0,
  next_look_at timestamptz not null default now(),
  primary key (kind, id)
);
create index reference_wanted_next on ops.reference_wanted (next_look_at);

-- How far each kind of outgoing message was sent and acknowledged.
create table ops.egress_cursor (
  sink     text primary key,
  epoch    integer not null,
  xid      xid8    not null,
  position bigint  not null
);
insert into ops.egress_cursor (sink, epoch, xid, position) values ('orders', 0, '0', 0), ('outbox', 0, '0', 0);

-- One row: which process sends. Another one takes over when it has not been seen for a while; what the old one
-- still has in hand is then refused by the broker.
create table ops.egress_sender (
  only_row boolean primary key default true check (only_row),
  sender   text,
  seen_at  timestamptz not null default now()
);
insert into ops.egress_sender (sender) values (null);

-- The states of orders in the order of followers: `journal_follow` leaves out those that move no figure.
create index journal_orders on stg.journal (epoch, xid, position) where source = 'order' and sale_seq is not null;

-- What was sent of an entity is compared by its number; and what only the egress reads is not kept for ever.
drop index ops.outbox_entity;
create index outbox_entity on ops.outbox (entity_key, entity_seq);
create index outbox_stats on ops.outbox (created_at) where topic = 'stats';
