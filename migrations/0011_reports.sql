-- Written reports: one row each, from the moment it is asked for. The job that writes it is queued in the same
-- transaction, so that whatever is killed, a report that was promised is written.
create table ops.report (
  id                bigint      generated always as identity primary key,
  -- Business dates, both included.
  date_from         date        not null,
  date_to           date        not null check (date_to >= date_from),
  -- Null: all places together.
  place_id          text collate "C",
  language          text        not null,
  -- Which figures it is about: those of single sales (itemised) or of daily files (declared); null until it is
  -- known which of them there are.
  basis             text        check (basis in ('itemised', 'declared')),
  origin            text        not null check (origin in ('daily_file', 'request', 'schedule')),
  -- Of the daily file that caused it: its row in the journal.
  journal_position  bigint,
  job_id            uuid,
  status            text        not null default 'queued' check (status in ('queued', 'writing', 'done')),
  -- What the model is told to do; the facts are sent to it beside this.
  start_prompt      text        not null,
  facts             jsonb,
  -- Markdown; null until it is final.
  report            text check ((report is not null) = (status = 'done')),
  -- Who wrote the text: null where that was the program itself.
  model             text,
  -- Why the program wrote it although a model was asked.
  fallback          text,
  attempts          integer     not null default 0,
  prompt_tokens     integer,
  completion_tokens integer,
  create_date       timestamptz not null default now(),
  update_date       timestamptz not null default now()
);
create index report_date on ops.report (date_from, id);
create index report_place on ops.report (place_id, id);
create index report_daily on ops.report (journal_position) where origin = 'daily_file';
-- A morning's report is asked for once, whoever is started again meanwhile.
create unique index report_scheduled on ops.report (date_from, date_to) where origin = 'schedule';
