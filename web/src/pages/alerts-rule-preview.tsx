import type { PostAlertRulesPreviewAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { localDay } from '../local-day.ts';
import { Chart } from '../parts/chart.tsx';
import { showInFull } from '../show-in-full.ts';
import { useWords } from '../words.ts';
import { isMoney, showFigure } from './alerts-figures.ts';
import { ruleWords } from './alerts-rule-words.ts';
import { alertsWords } from './alerts-words.ts';

export type Preview = PostAlertRulesPreviewAnswer;
type Point = Preview['series'][number];

const shownAlerts = 10;
const chartHeightPx = 220;

/** The history of the place with most alerts, marked where the rule would have fired, and what it would have said. */
export function PreviewedRule({ preview, metric }: { preview: Preview; metric: string }) {
  const words = useWords(ruleWords);
  const alertWords = useWords(alertsWords);
  const format = useFormat();
  const { series, alerts, currency, place_name, place_id } = preview;
  const figure = (value: number) => showFigure(format, alertWords, metric, value, currency);
  return (
    <section ref={showInFull} className="preview" aria-label={words.preview} aria-live="polite">
      <h3>{alerts.length === 0 ? words.previewNone : words.previewTitle(alerts.length)}</h3>
      {series.length === 0 ? (
        <p className="muted">{words.previewNoFigures}</p>
      ) : (
        <>
          <p className="muted">{words.ofPlace(place_name ?? place_id ?? alertWords.allPlaces)}</p>
          <Chart
            {...{ label: words.preview, labelsTitle: words.time, heightPx: chartHeightPx }}
            labels={series.map(({ at }) => `${format.shortDay(localDay(at))}, ${format.time(at)}`)}
            series={seriesOf(series, words)}
            format={figure}
            formatAxis={(value) =>
              isMoney(metric) && currency !== null
                ? format.shortMoney(value, currency)
                : format.shortNumber(value)
            }
            marks={alerts
              .filter((alert) => alert.place_id === place_id && alert.currency === currency)
              .map(({ fired_at }) => ({ index: indexAt(series, fired_at), text: words.firedMark }))}
          />
        </>
      )}
      {alerts.length > 0 && (
        <ul className="drivers">
          {alerts.slice(-shownAlerts).map(({ fired_at, place_name: place, currency: unit, explanation }) => (
            <li key={`${fired_at} ${place ?? ''} ${unit ?? ''}`}>
              <span>{place ?? alertWords.allPlaces}</span>
              <span className="muted">{format.moment(fired_at)}</span>
              <p className="muted">{explanation.text}</p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

type Words = ReturnType<typeof useWords<(typeof ruleWords)['en']>>;

/** Only the lines that the rule has. */
function seriesOf(points: readonly Point[], words: Words) {
  const lines = [
    { name: words.value, member: 'value', isPast: false },
    { name: words.usual, member: 'baseline', isPast: true },
    { name: words.lower, member: 'lower', isPast: true },
    { name: words.upper, member: 'upper', isPast: true },
  ] as const;
  return lines
    .map(({ name, member, isPast }) => ({
      name,
      isPast,
      values: points.map((point) => point[member] ?? null),
    }))
    .filter(({ values }) => values.some((value) => value !== null));
}

/** The last point at or before an instant. */
function indexAt(points: readonly Point[], instant: string): number {
  const found = points.findLastIndex(({ at }) => Date.parse(at) <= Date.parse(instant));
  return Math.max(found, 0);
}
