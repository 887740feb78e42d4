import type { GetAnalyticsPulseAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { Chart } from '../parts/chart.tsx';
import { Loading } from '../parts/notice.tsx';
import { useWords } from '../words.ts';
import { addDays } from './today-data.ts';
import { todayWords } from './today-words.ts';

type HourRow = { period?: string; currency: string; net: number };
type DayProperties = {
  currency: string;
  date: string;
  kind: 'running' | 'byHour';
  hours: { now: readonly HourRow[]; before: readonly HourRow[] } | undefined;
};

const heightPx = 280;

/** A business day may go on after midnight, so hours are counted from its date. */
function hourIndex(period: string, date: string): number {
  const days = Math.round((Date.parse(period.slice(0, 10)) - Date.parse(date)) / 86_400_000);
  return days * 24 + Number(period.slice(11, 13));
}

export function DayChart({ currency, date, kind, hours }: DayProperties) {
  const words = useWords(todayWords);
  const format = useFormat();
  if (hours === undefined) return <Loading />;
  const collect = (rows: readonly HourRow[], day: string) => {
    const byHour = new Map<number, number>();
    for (const row of rows) {
      if (row.currency !== currency || row.period === undefined) continue;
      const index = hourIndex(row.period, day);
      byHour.set(index, (byHour.get(index) ?? 0) + row.net);
    }
    return byHour;
  };
  const weekBefore = addDays(date, -7);
  const [now, before] = [collect(hours.now, date), collect(hours.before, weekBefore)];
  const known = [...now.keys(), ...before.keys()];
  const first = Math.min(...known, 9);
  const last = Math.max(...known, 20);
  const latest = Math.max(...now.keys());
  const indexes = Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  const values = (from: Map<number, number>, upTo: number) => {
    let total = 0;
    return indexes.map((index) => {
      if (index > upTo) return null;
      const value = from.get(index) ?? 0;
      total += value;
      return kind === 'running' ? total : value;
    });
  };
  return (
    <Chart
      label={`${kind === 'running' ? words.running : words.byHour}, ${format.day(date)}`}
      labelsTitle={words.hour}
      labels={indexes.map((index) => `${String((index + 24) % 24).padStart(2, '0')}:00`)}
      series={[
        { name: words.now, values: values(now, latest), kind: kind === 'running' ? 'line' : 'bar' },
        ...(before.size === 0
          ? []
          : [
              {
                name: format.shortDay(weekBefore),
                values: values(before, last),
                kind: 'line' as const,
                isPast: true,
              },
            ]),
      ]}
      kind={kind === 'running' ? 'line' : 'bar'}
      format={(value) => format.money(value, currency)}
      formatAxis={(value) => format.shortMoney(value, currency)}
      heightPx={heightPx}
    />
  );
}

type PulseProperties = { currency: string; pulse: GetAnalyticsPulseAnswer | undefined };

export function PulseChart({ currency, pulse }: PulseProperties) {
  const words = useWords(todayWords);
  const format = useFormat();
  if (pulse === undefined) return <Loading />;
  const stepMs = pulse.slot_minutes * 60_000;
  const sold = new Map(pulse.rows.filter((row) => row.currency === currency).map((row) => [row.at, row.net]));
  const slots: string[] = [];
  for (let at = Date.parse(pulse.from); at < Date.parse(pulse.to); at += stepMs)
    slots.push(new Date(at).toISOString());
  return (
    <Chart
      label={`${words.pulse}, ${words.pulseHint}`}
      labelsTitle={words.pulseTime}
      labels={slots.map((slot) => format.time(slot))}
      series={[{ name: words.sold, values: slots.map((slot) => sold.get(slot) ?? 0) }]}
      kind="bar"
      format={(value) => format.money(value, currency)}
      formatAxis={(value) => format.shortMoney(value, currency)}
      heightPx={heightPx}
    />
  );
}
