import { useState } from 'react';
import { defineWords, useWords } from '../words.ts';
import type { ChartSeries } from './draw-chart.ts';
import { defer, Later } from './later.tsx';
import { Table } from './table.tsx';

export type { ChartSeries } from './draw-chart.ts';

// The drawing library is the largest part of the dashboard: the page stands without it, and it is asked for as soon as
// a page with drawings is, while that page asks for its figures.
const canvas = defer<ChartProperties>(async () => (await import('./chart-canvas.tsx')).ChartCanvas);
void canvas.preload();

export type ChartProperties = {
  /** What the chart shows, for screen readers and as the name of its table. */
  label: string;
  /** One label for each value, in the reader's language. */
  labels: readonly string[];
  series: readonly ChartSeries[];
  /** A value in full, for the tip and the table. */
  format: (value: number) => string;
  /** A value in short, for the axis. */
  formatAxis?: (value: number) => string;
  /** The title of the first column of the table. */
  labelsTitle: string;
  kind?: 'line' | 'bar';
  /** Bars and areas on top of each other. */
  stacked?: boolean;
  /** Bars from the left, each with its label beside it: for names instead of times. */
  horizontal?: boolean;
  heightPx?: number;
  /** Vertical marks at the indexes of labels, such as when an alert fired. */
  marks?: readonly { index: number; text: string }[];
};

const chartWords = defineWords({
  en: { asTable: 'As a table', none: 'no value' },
  ru: { asTable: 'Таблицей', none: 'нет данных' },
});

/** A drawing, and the same figures as a table for who cannot see it. */
export function Chart(properties: ChartProperties) {
  const words = useWords(chartWords);
  const { label, labels, format, labelsTitle, heightPx = 260 } = properties;
  const series = toldApart(properties.series);
  const rows = labels.map((name, index) => ({ name, index }));
  // A year has hundreds of rows: they are made when somebody asks for them.
  const [isOpen, setOpen] = useState(false);
  return (
    <figure className="chart">
      <div className="chart-canvas" style={{ height: heightPx }}>
        <Later of={canvas} properties={{ ...properties, series }} />
      </div>
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{words.asTable}</summary>
        {isOpen && (
          <div className="chart-table">
            <Table
              label={label}
              rows={rows}
              rowKey={({ index }) => String(index)}
              columns={[
                { name: 'label', title: labelsTitle, cell: ({ name }) => name },
                ...series.map((one, position) => ({
                  name: `${position}`,
                  title: one.name,
                  numeric: true,
                  cell: ({ index }: { index: number }) => {
                    const value = one.values[index];
                    return value === null || value === undefined ? words.none : format(value);
                  },
                })),
              ]}
            />
          </div>
        )}
      </details>
    </figure>
  );
}

/** Two dishes may have one name; a legend knows its lines by it. */
function toldApart(series: readonly ChartSeries[]): ChartSeries[] {
  const seen = new Map<string, number>();
  return series.map((one) => {
    const count = (seen.get(one.name) ?? 0) + 1;
    seen.set(one.name, count);
    return count === 1 ? one : { ...one, name: `${one.name} (${count})` };
  });
}
