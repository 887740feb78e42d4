import { useQuery } from '@tanstack/react-query';
import { request, send } from '../api.ts';
import { useFormat } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { DownloadButton } from '../parts/download-button.tsx';
import { Answer } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Rendered } from '../parts/rendered.tsx';
import { Link } from '../router.tsx';
import { useWords } from '../words.ts';
import { periodOf, type Report, statusTones } from './reports.tsx';
import { reportsWords } from './reports-words.ts';

const lookEveryMs = 1_000;

/** One report as it reads, or that it is being written: then it is looked for again and again. */
export function OneReport({ id }: { id: string }) {
  const words = useWords(reportsWords);
  const format = useFormat();
  const path = `/api/reports/${encodeURIComponent(id)}`;
  const report = useQuery({
    queryKey: ['report', id],
    queryFn: ({ signal }) => request<Report>(path, { signal }),
    refetchInterval: ({ state }) =>
      state.data !== undefined && state.data.status !== 'done' ? lookEveryMs : false,
  });
  const isFinal = report.data?.status === 'done';
  const text = useQuery({
    queryKey: ['report', id, 'text'],
    queryFn: async ({ signal }) => {
      const headers = { accept: 'text/html' };
      return await (await send(path, { headers, signal })).text();
    },
    enabled: isFinal,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Page
      title={report.data === undefined ? words.title : periodOf(report.data, format)}
      lead={<Link to="reports">{words.back}</Link>}
      actions={
        isFinal && (
          <DownloadButton
            {...{ path, fileName: `report-${id}.md` }}
            options={{ headers: { accept: 'text/markdown' } }}
          >
            {words.markdown}
          </DownloadButton>
        )
      }
    >
      <Answer of={report}>
        {(found) => (
          <Card>
            <p className="toolbar">
              <Badge tone={statusTones[found.status]}>{words.statuses[found.status]}</Badge>
              <span className="muted">
                {[
                  found.place_id ?? words.allPlaces,
                  words.languages[found.language],
                  found.status === 'done' ? writerOf(found, words) : '',
                  format.moment(found.create_date),
                ]
                  .filter((part) => part !== '')
                  .join(' · ')}
              </span>
            </p>
            {found.status !== 'done' ? (
              <div className="loading" role="status">
                <span className="spinner" aria-hidden="true" />
                {words.writing}
              </div>
            ) : (
              <Answer of={text}>{(html) => <Rendered html={html} language={found.language} />}</Answer>
            )}
          </Card>
        )}
      </Answer>
    </Page>
  );
}

type Words = ReturnType<typeof useWords<(typeof reportsWords)['en']>>;

function writerOf({ model, fallback }: Report, words: Words): string {
  if (model !== null) return words.writtenBy(model);
  return fallback === null ? words.writtenByProgram : words.insteadOf(words.fallbacks[fallback] ?? fallback);
}
