import { useQuery } from '@tanstack/react-query';
import { request } from '../api.ts';
import type { GetChecksIdAnswer, GetJournalAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { Answer } from '../parts/notice.tsx';
import { Card } from '../parts/page.tsx';
import { Link, pathOf } from '../router.tsx';
import { useWords } from '../words.ts';
import { VerdictBadge } from './journal-verdict.tsx';
import { journalWords } from './journal-words.ts';

const routes: Record<string, string> = { receipt: 'checks', transaction: 'transactions', order: 'orders' };
const shownEntries = 100;
/** With one of these a sale is registered, so it can be asked for. */
const registering = ['accepted', 'corrected', 'reattributed', 'erased'];

type Properties = { source: string; id: string; here: string };

/** Everything that came under one id, the newest first, and the sale as it counts now. */
export function SaleHistory({ source, id, here }: Properties) {
  const words = useWords(journalWords);
  const entries = useQuery({
    queryKey: ['journal', 'history', source, id],
    queryFn: ({ signal }) =>
      request<GetJournalAnswer>('/api/journal', {
        query: { source, transaction_id: id, limit: shownEntries },
        signal,
      }),
  });
  const isRegistered = entries.data?.results.some(({ verdict }) => registering.includes(verdict)) ?? false;
  const sale = useQuery({
    queryKey: ['journal', 'sale', source, id],
    enabled: isRegistered,
    queryFn: ({ signal }) =>
      request<GetChecksIdAnswer>(`/api/${routes[source]}/${encodeURIComponent(id)}`, { signal }),
  });
  return (
    <Card title={words.history}>
      {sale.data !== undefined && <SaleNow sale={sale.data} />}
      <Answer of={entries}>
        {({ results }) => (
          <ol className="journal-history">
            {results.map((entry) => (
              <Entry key={entry.position} {...{ entry, sale: sale.data }} isHere={entry.position === here} />
            ))}
          </ol>
        )}
      </Answer>
    </Card>
  );
}

function SaleNow({ sale }: { sale: GetChecksIdAnswer }) {
  const words = useWords(journalWords);
  const format = useFormat();
  const total = sale.history.reduce((sum, entry) => sum + entry.total_change, 0);
  return (
    <p className="journal-now">
      {words.now}: <strong>{sale.currency === null ? total : format.money(total, sale.currency)}</strong>{' '}
      <span className="muted">
        {words.businessDate} {format.day(sale.business_date)}, {sale.place_id}
      </span>
    </p>
  );
}

type EntryProperties = {
  entry: GetJournalAnswer['results'][number];
  sale: GetChecksIdAnswer | undefined;
  isHere: boolean;
};

function Entry({ entry, sale, isHere }: EntryProperties) {
  const format = useFormat();
  const change = sale?.history.find(({ position }) => position === entry.position)?.total_change ?? 0;
  const money = sale?.currency ?? null;
  const [first] = entry.problems;
  return (
    <li className={isHere ? 'journal-here' : undefined}>
      <div className="journal-history-head">
        <VerdictBadge verdict={entry.verdict} />
        {isHere ? (
          <span aria-current="true">{format.moment(entry.received_at)}</span>
        ) : (
          <Link to={pathOf('journal', entry.position)}>{format.moment(entry.received_at)}</Link>
        )}
        {change !== 0 && money !== null && (
          <span className="journal-change">
            {change > 0 ? '+' : '−'}
            {format.money(Math.abs(change), money)}
          </span>
        )}
      </div>
      {first !== undefined && (
        <p className="muted">
          {first.pointer !== '' && <code>{first.pointer}</code>} {first.message}
        </p>
      )}
    </li>
  );
}
