import '../styles/manage.css';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { request } from '../api.ts';
import type { GetJobsAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { pageNames } from '../pages.ts';
import { Badge, type Tone } from '../parts/badge.tsx';
import { SelectField } from '../parts/field.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer, EmptyState, ErrorBox } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Pager, useCursor } from '../parts/pager.tsx';
import { Table } from '../parts/table.tsx';
import { useQueryState } from '../router.tsx';
import { useWords } from '../words.ts';
import { jobsWords } from './jobs-words.ts';

type Job = GetJobsAnswer['results'][number];
type JobState = Job['state'];
type Schedule = GetJobsAnswer['schedules'][number];

const tones: Record<JobState, Tone> = {
  ...{ created: 'neutral', retry: 'warning', active: 'accent' },
  ...{ completed: 'good', cancelled: 'neutral', failed: 'bad' },
};
const canBeTried: readonly JobState[] = ['retry', 'failed', 'cancelled'];
const defaults = { state: '', queue: '' };
const lookEveryMs = 3_000;

/** Background work: what waits, runs, was done or failed. */
export function JobsPage() {
  const names = useWords(pageNames);
  const words = useWords(jobsWords);
  const [view, setView] = useQueryState(defaults);
  const [cursor, move] = useCursor(JSON.stringify(view));
  const query = { ...view, cursor, limit: 50 };
  const jobs = useQuery({
    queryKey: ['jobs', query],
    queryFn: ({ signal }) => request<GetJobsAnswer>('/api/jobs/', { query, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: lookEveryMs,
  });
  const states = Object.keys(words.states) as JobState[];
  return (
    <Page title={names.jobs} lead={words.lead}>
      <Answer of={jobs}>
        {({ results, schedules, next_cursor }) => (
          <>
            {schedules.length > 0 && <Schedules schedules={schedules} />}
            <Card title={words.list}>
              <div className="toolbar">
                <SelectField
                  label={words.state}
                  value={view.state}
                  onChange={(state) => setView({ state })}
                  choices={[
                    { value: '', label: words.allStates },
                    ...states.map((value) => ({ value, label: words.states[value] })),
                  ]}
                />
                <SelectField
                  label={words.kind}
                  value={view.queue}
                  onChange={(queue) => setView({ queue })}
                  choices={[
                    { value: '', label: words.allKinds },
                    ...Object.entries(words.kinds).map(([value, label]) => ({ value, label })),
                  ]}
                />
              </div>
              <JobTable jobs={results} />
              <Pager cursor={cursor} next={next_cursor} onMove={move} />
            </Card>
          </>
        )}
      </Answer>
    </Page>
  );
}

function Schedules({ schedules }: { schedules: readonly Schedule[] }) {
  const words = useWords(jobsWords);
  const client = useQueryClient();
  const run = useMutation({
    mutationFn: (queue: string) => request<Job>('/api/jobs/', { method: 'POST', body: { queue } }),
    onSettled: () => void client.invalidateQueries({ queryKey: ['jobs'] }),
  });
  const kind = (queue: string) => words.kinds[queue] ?? queue;
  return (
    <Card title={words.schedules}>
      <Table
        label={words.schedules}
        rows={schedules}
        rowKey={({ queue, cron }) => `${queue} ${cron}`}
        columns={[
          { name: 'queue', title: words.kind, cell: ({ queue }) => kind(queue) },
          {
            name: 'cron',
            title: words.schedule,
            cell: ({ cron, time_zone }) => (
              <>
                <code>{cron}</code> <span className="muted">{time_zone}</span>
              </>
            ),
          },
          { name: 'next', title: words.nextRun, cell: ({ next_run }) => <Moment at={next_run} /> },
          {
            name: 'run',
            title: words.actions,
            cell: ({ queue }) =>
              ['snapshot', 'audit', 'retention'].includes(queue) && (
                <button
                  type="button"
                  className="button button-small"
                  aria-label={words.runNowOf(kind(queue))}
                  disabled={run.isPending}
                  onClick={() => run.mutate(queue)}
                >
                  {words.runNow}
                </button>
              ),
          },
        ]}
      />
      {run.error !== null && <ErrorBox error={run.error} />}
    </Card>
  );
}

function JobTable({ jobs }: { jobs: readonly Job[] }) {
  const words = useWords(jobsWords);
  const client = useQueryClient();
  const retry = useMutation({
    mutationFn: (id: string) => request<Job>(`/api/jobs/${id}/retry`, { method: 'POST' }),
    onSettled: () => void client.invalidateQueries({ queryKey: ['jobs'] }),
  });
  const kind = (queue: string) => words.kinds[queue] ?? queue;
  if (jobs.length === 0)
    return (
      <EmptyState title={words.none} icon="gear">
        {words.noneText}
      </EmptyState>
    );
  return (
    <>
      {retry.error !== null && <ErrorBox error={retry.error} />}
      <Table
        label={words.list}
        rows={jobs}
        rowKey={({ id }) => id}
        columns={[
          {
            name: 'kind',
            title: words.kind,
            cell: ({ queue, data }) => (
              <>
                {kind(queue)}
                <br />
                <span className="muted">{shortText(data)}</span>
              </>
            ),
          },
          {
            name: 'state',
            title: words.state,
            cell: ({ state }) => <Badge tone={tones[state]}>{words.states[state]}</Badge>,
          },
          { name: 'progress', title: words.progress, cell: (job) => <Outcome job={job} /> },
          { name: 'attempts', title: words.attempts, numeric: true, cell: ({ attempts }) => attempts },
          { name: 'created', title: words.created, cell: ({ created_at }) => <Moment at={created_at} /> },
          {
            name: 'ended',
            title: words.ended,
            cell: ({ ended_at }) => <Moment at={ended_at} />,
          },
          {
            name: 'actions',
            title: words.actions,
            cell: ({ id, queue, state }) =>
              canBeTried.includes(state) && (
                <button
                  type="button"
                  className="button button-small"
                  aria-label={words.retryOf(kind(queue))}
                  disabled={retry.isPending}
                  onClick={() => retry.mutate(id)}
                >
                  {words.retry}
                </button>
              ),
          },
        ]}
      />
    </>
  );
}

/** What a job has done so far, what came of it, or why it failed. */
function Outcome({ job }: { job: Job }) {
  const words = useWords(jobsWords);
  const format = useFormat();
  const { progress, result, error, next_try_at, state } = job;
  const [done, all] = [progress?.scanned ?? progress?.done, progress?.sales ?? progress?.all];
  if (typeof done === 'number' && typeof all === 'number' && all > 0)
    return (
      <div className="progress">
        <progress max={all} value={done} aria-label={words.progress} />
        {words.of(format.number(done), format.number(all))}
      </div>
    );
  return (
    <>
      {shortText(progress ?? result)}
      {error !== null && <p className="field-problem">{error}</p>}
      {state === 'retry' && next_try_at !== null && (
        <p className="muted">
          {words.nextTry}: {format.moment(next_try_at)}
        </p>
      )}
    </>
  );
}

/** `place store-1, version 12`: members as they come, what is empty or nested left out. */
function shortText(members: Job['data']): string {
  return Object.entries(members ?? {})
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) && value !== '')
    .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${value}`)
    .join(', ');
}
