import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiProblem, request } from '../api.ts';
import type { PostDailySalesAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { CheckField } from '../parts/field.tsx';
import { ErrorBox } from '../parts/notice.tsx';
import { Card } from '../parts/page.tsx';
import { Table } from '../parts/table.tsx';
import { Link } from '../router.tsx';
import { useRole } from '../session.ts';
import { useWords } from '../words.ts';
import type { Chosen, ChosenFile } from './import-file.ts';
import { importWords } from './import-words.ts';

type Sent = { file: string; answer?: PostDailySalesAnswer; error?: unknown };

/** Daily XML files: the beginning of the first, then all of them, each of a place and day. */
export function DailyImport({ chosen }: { chosen: Chosen }) {
  const words = useWords(importWords);
  const [replace, setReplace] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [sent, setSent] = useState<Sent[]>([]);
  const files = [chosen.main, ...chosen.others];
  async function send(): Promise<void> {
    setBusy(true);
    const done: Sent[] = [];
    for (const file of files) {
      done.push(await sendDaily(file, replace));
      setSent([...done]);
    }
    setBusy(false);
  }
  return (
    <>
      <Card>
        <div className="toolbar">
          <CheckField label={words.replace} checked={replace} onChange={setReplace} />
          <button
            type="button"
            className="button button-primary"
            disabled={isBusy}
            onClick={() => void send()}
          >
            {words.send}
          </button>
        </div>
        <ul className="import-sent" aria-live="polite">
          {sent.map((one) => (
            <SentFile key={one.file} sent={one} />
          ))}
        </ul>
      </Card>
      <DailyPreview file={chosen.main} />
    </>
  );
}

async function sendDaily({ name, blob }: ChosenFile, replace: boolean): Promise<Sent> {
  try {
    const answer = await request<PostDailySalesAnswer>('/api/daily-sales/', {
      ...{ method: 'POST', body: blob, headers: { 'content-type': 'application/xml' } },
      query: replace ? { replace } : {},
    });
    return { file: name, answer };
  } catch (error) {
    return { file: name, error };
  }
}

function SentFile({ sent: { file, answer, error } }: { sent: Sent }) {
  const words = useWords(importWords);
  const format = useFormat();
  const maySeeReports = useRole('analyst');
  if (answer === undefined)
    return (
      <li>
        <strong>{file}</strong>
        <ErrorBox error={error instanceof ApiProblem ? error : new Error(String(error))} />
      </li>
    );
  const { status } = answer;
  const verdict = status === 'corrected' || status === 'duplicate' ? status : 'accepted';
  return (
    <li className="import-sent-good">
      <Badge tone="good">{words.verdicts[verdict]}</Badge>
      <strong>{file}</strong>
      <span>{words.dailyDone(format.day(answer.date), answer.place_id)}</span>
      {maySeeReports && answer.report_id !== null && (
        <Link to={`reports/${answer.report_id}`}>{words.dailyReport}</Link>
      )}
    </li>
  );
}

const shownProducts = 20;
const headBytes = 64 * 1024;

type Product = { key: string; id: string; name: string; quantity: string; price: string; category: string };

function DailyPreview({ file }: { file: ChosenFile }) {
  const words = useWords(importWords);
  const head = useQuery({
    queryKey: ['daily', file.number],
    queryFn: async () => readProducts(await file.blob.slice(0, headBytes).text()),
  });
  const products = head.data ?? [];
  if (products.length === 0) return null;
  return (
    <Card title={words.preview}>
      <Table
        label={words.preview}
        rows={products}
        rowKey={(product) => product.key}
        columns={[
          { name: 'id', title: words.product, cell: (product) => product.id },
          { name: 'name', title: words.fields.name, cell: (product) => product.name },
          { name: 'category', title: words.category, cell: (product) => product.category },
          { name: 'quantity', title: words.quantity, numeric: true, cell: (product) => product.quantity },
          { name: 'price', title: words.price, numeric: true, cell: (product) => product.price },
        ]}
      />
    </Card>
  );
}

/** Those that are whole in the beginning of the file; what is wrong with them the program tells. */
function readProducts(text: string): Product[] {
  const whole = text.match(/<product>[\s\S]*?<\/product>/g) ?? [];
  const parser = new DOMParser();
  return whole.slice(0, shownProducts).map((xml, index) => {
    const product = parser.parseFromString(xml, 'application/xml');
    const of = (name: string) => product.querySelector(name)?.textContent?.trim() ?? '';
    return {
      key: String(index),
      ...{ id: of('id'), name: of('name'), quantity: of('quantity'), price: of('price') },
      category: of('category'),
    };
  });
}
