import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { prefersReducedMotion } from '../theme.ts';
import type { ChartProperties } from './chart.tsx';

// By parts, so that what is never drawn is never sent.
use([
  BarChart,
  LineChart,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
  CanvasRenderer,
]);

export type ChartSeries = {
  name: string;
  /** One for each label; null leaves a gap. */
  values: readonly (number | null)[];
  /** An earlier period: grey and dashed. */
  isPast?: boolean;
  /** Where it differs from the chart's own. */
  kind?: 'line' | 'bar';
};
export type Drawing = { show(properties: ChartProperties): void; resize(): void; dispose(): void };

const seriesColors = 8;
/** Bars have rounded ends and never grow fat. */
const widestBarPx = 36;
const pointsWithDots = 2;
const dotPx = 7;

export function drawChart(element: HTMLElement): Drawing {
  const chart = init(element, null, { renderer: 'canvas' });
  return {
    show: (properties) => chart.setOption(optionOf(element, properties), { notMerge: true }),
    resize: () => chart.resize(),
    dispose: () => chart.dispose(),
  };
}

type Colors = { text: string; muted: string; line: string; past: string; series: string[] };

/** A canvas has no custom properties, so their values are read; light-dark() is settled by a real element. */
function readColors(element: HTMLElement): Colors {
  const probe = document.createElement('span');
  element.append(probe);
  const read = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const series = Array.from({ length: seriesColors }, (_, index) => read(`--series-${index + 1}`));
  const colors = {
    ...{ text: read('--text'), muted: read('--muted'), line: read('--line'), past: read('--series-past') },
    series,
  };
  probe.remove();
  return colors;
}

function optionOf(element: HTMLElement, properties: ChartProperties): EChartsCoreOption {
  const { labels, series, format, formatAxis = format, horizontal = false } = properties;
  const colors = readColors(element);
  const text = { color: colors.muted, fontFamily: getComputedStyle(element).fontFamily, fontSize: 11.5 };
  const names = {
    type: 'category',
    data: [...labels],
    inverse: horizontal,
    axisLine: { lineStyle: { color: colors.line } },
    axisTick: { show: false },
    axisLabel: { ...text, hideOverlap: true, ...(horizontal ? { width: 130, overflow: 'truncate' } : {}) },
    boundaryGap: horizontal || properties.kind === 'bar',
  };
  const figures = {
    type: 'value',
    axisLabel: { ...text, formatter: (value: number) => formatAxis(value), hideOverlap: true },
    splitLine: { lineStyle: { color: colors.line } },
    splitNumber: 4,
  };
  return {
    animation: !prefersReducedMotion(),
    animationDuration: 400,
    animationDurationUpdate: 400,
    color: colors.series,
    grid: { left: 4, right: 14, top: series.length > 1 ? 36 : 12, bottom: 4, outerBoundsMode: 'same' },
    legend: {
      ...{ show: series.length > 1, type: 'scroll', left: 0, top: 0, icon: 'roundRect' },
      ...{
        itemWidth: 10,
        itemHeight: 10,
        itemGap: 16,
        pageIconColor: colors.muted,
        pageTextStyle: text,
        textStyle: { ...text, color: colors.text },
      },
    },
    tooltip: {
      ...{ trigger: 'axis', confine: true, transitionDuration: 0, className: 'chart-tip-box' },
      ...{ backgroundColor: 'transparent', borderWidth: 0, padding: 0, shadowBlur: 0 },
      axisPointer: { type: horizontal || properties.kind === 'bar' ? 'shadow' : 'line' },
      formatter: (points: unknown) => tipOf(points as TipPoint[], format),
    },
    xAxis: horizontal ? figures : names,
    yAxis: horizontal ? names : figures,
    series: series.map((one, index) => seriesOption(one, index, properties, colors)),
  };
}

function seriesOption(one: ChartSeries, index: number, properties: ChartProperties, colors: Colors) {
  const { kind = 'line', stacked = false, labels, horizontal = false, marks = [] } = properties;
  const isAlone = properties.series.filter(({ isPast }) => isPast !== true).length === 1;
  const type = one.kind ?? kind;
  const color = one.isPast === true ? colors.past : colors.series[index % seriesColors]!;
  const marked =
    index > 0 || marks.length === 0
      ? {}
      : {
          markLine: {
            ...{ symbol: 'none', silent: true, lineStyle: { color: colors.series[3], type: 'dashed' } },
            label: { show: false },
            data: marks.map((mark) => ({ xAxis: mark.index, name: mark.text })),
          },
        };
  const common = {
    ...{ type, name: one.name, data: [...one.values], itemStyle: { color }, ...marked },
    ...(stacked ? { stack: 'all' } : {}),
    emphasis: { disabled: true },
  };
  if (type === 'bar') {
    const radius = horizontal ? [0, 4, 4, 0] : [4, 4, 0, 0];
    return {
      ...common,
      barMaxWidth: widestBarPx,
      itemStyle: { color, borderRadius: stacked ? 0 : radius },
    };
  }
  const hasLone = one.values.some((_, at) => isLone(one.values, at));
  return {
    ...common,
    ...(hasLone ? { data: one.values.map((_, at) => dotted(one.values, at)), symbol: 'none' } : {}),
    showSymbol: hasLone || labels.length <= pointsWithDots,
    symbolSize: dotPx,
    lineStyle: { width: one.isPast === true ? 1.5 : 2, color, type: one.isPast === true ? [4, 4] : 'solid' },
    ...(stacked
      ? { areaStyle: { opacity: 0.7 } }
      : isAlone && index === 0
        ? { areaStyle: { opacity: 0.1, color } }
        : {}),
  };
}

/** A value between two gaps has no line to be seen by. */
function isLone(values: ChartSeries['values'], at: number): boolean {
  const isGap = (index: number) => values[index] === null || values[index] === undefined;
  return !isGap(at) && isGap(at - 1) && isGap(at + 1);
}

function dotted(values: ChartSeries['values'], at: number) {
  return isLone(values, at) ? { value: values[at], symbol: 'circle' } : values[at];
}

type TipPoint = { name: string; seriesName: string; value: number | null; color: string };

/** Elements instead of HTML: names come from documents, and the policy of the page allows no inline style. */
function tipOf(points: TipPoint[], format: (value: number) => string): HTMLElement {
  const tip = document.createElement('div');
  tip.className = 'chart-tip';
  const title = document.createElement('strong');
  title.textContent = points[0]?.name ?? '';
  tip.append(title);
  for (const { seriesName, value, color } of points) {
    if (value === null || value === undefined) continue;
    const dot = document.createElement('span');
    dot.className = 'chart-tip-dot';
    dot.style.backgroundColor = color;
    const name = document.createElement('span');
    name.textContent = seriesName;
    const figure = document.createElement('span');
    figure.className = 'chart-tip-value';
    figure.textContent = format(value);
    tip.append(dot, name, figure);
  }
  return tip;
}
