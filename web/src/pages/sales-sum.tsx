import type { GetAnalyticsSalesAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { Segments } from '../parts/field.tsx';
import { Change, Figure } from '../parts/figure.tsx';
import { useWords } from '../words.ts';
import { salesWords } from './sales-words.ts';

type Properties = {
  answer: GetAnalyticsSalesAnswer;
  isBusy: boolean;
  currency: string;
  currencies: readonly string[];
  onCurrency: (currency: string) => void;
};

const shown = ['net', 'receipts', 'average_receipt', 'units', 'refunds', 'nds', 'tips'] as const;
const counts: readonly string[] = ['receipts', 'units'];

/** The figures of the whole period in one currency. */
export function SalesSum({ answer, isBusy, currency, currencies, onCurrency }: Properties) {
  const words = useWords(salesWords);
  const format = useFormat();
  const row = answer.rows.find((one) => one.currency === currency);
  const { compare } = answer;
  return (
    <section className="card sales-sum" aria-label={words.period} aria-busy={isBusy}>
      <dl>
        {shown.map((name) => {
          const value = row?.[name];
          if (value === undefined) return null;
          const change = row?.change_percent;
          return (
            <Figure
              key={name}
              label={words.measures[name]}
              value={value}
              format={(figure) =>
                counts.includes(name)
                  ? format.number(Math.round(figure))
                  : name === 'average_receipt'
                    ? format.money(figure, currency)
                    : format.wholeMoney(figure, currency)
              }
              note={change === undefined ? undefined : <Change percent={change[name]} />}
            />
          );
        })}
      </dl>
      <div className="sales-sum-foot">
        {compare !== undefined && (
          <p className="muted small">
            {words.base(format.day(compare.from), format.day(compare.to))}
            {compare.cut_at !== null && ` · ${words.cut}`}
          </p>
        )}
        {currencies.length > 1 && (
          <Segments
            label={words.currency}
            value={currency}
            choices={currencies.map((value) => ({ value, label: value }))}
            onChange={onCurrency}
          />
        )}
      </div>
    </section>
  );
}
