import {
  AxisPlacement,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  type DataQuery,
  type DataSourceRef,
  FieldColorModeId,
  type FieldConfig,
  GraphDrawStyle,
  type GraphFieldConfig,
  GraphGradientMode,
  LegendDisplayMode,
  type Panel,
  PercentChangeColorMode,
  SortOrder,
  type Threshold,
  ThresholdsMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizOrientation,
} from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** The data sources of deploy/grafana/provisioning. */
export const prometheus: DataSourceRef = { type: 'prometheus', uid: 'prometheus' };
export const sales: DataSourceRef = { type: 'grafana-postgresql-datasource', uid: 'sales' };

/** `@grafana/schema` leaves queries to the data sources. */
export type PrometheusQuery = Record<string, unknown> &
  DataQuery & {
    expr: string;
    legendFormat: string;
    range?: true;
    instant?: true;
  };
export type SqlQuery = Record<string, unknown> &
  DataQuery & {
    rawSql: string;
    rawQuery: true;
    editorMode: 'code';
    format: 'table' | 'time_series';
  };
export type Query = PrometheusQuery | SqlQuery;

/** How wide and high, of 24 columns; where it stands follows from its place in the list. */
export type Placed = Omit<Panel, 'title' | 'targets' | 'gridPos'> & {
  title: string;
  targets: Query[];
  gridPos: { w: number; h: number; x: number; y: number };
};

export type Look = {
  title: string;
  /** What is to be known before the figure is believed. */
  description?: string;
  unit?: string;
  decimals?: number;
  width?: number;
  height?: number;
  /** From which value on a figure has a colour; the first is that of anything below. */
  colours?: [string, ...[number, string][]];
};

/** Queries by what their series are called. */
export function ask(named: Record<string, string>, kind: 'range' | 'instant' = 'range'): PrometheusQuery[] {
  return Object.entries(named).map(([legendFormat, expr], index) => ({
    ...{ refId: String.fromCharCode(65 + index), datasource: prometheus, expr, legendFormat },
    ...(kind === 'range' ? { range: true as const } : { instant: true as const }),
  }));
}

export function askSql(rawSql: string, format: SqlQuery['format'] = 'table'): SqlQuery[] {
  const text = rawSql.trim().replace(/\n {4}/g, '\n');
  return [{ refId: 'A', datasource: sales, rawSql: text, rawQuery: true, editorMode: 'code', format }];
}

function panel(type: string, { title, description, width = 12, height = 8 }: Look, targets: Query[]): Placed {
  return {
    ...{ type, title, targets, gridPos: { w: width, h: height, x: 0, y: 0 } },
    ...(description === undefined ? {} : { description }),
    ...(targets[0]?.datasource === undefined ? {} : { datasource: targets[0].datasource as DataSourceRef }),
  };
}

function fields({ unit, decimals, colours }: Look): FieldConfig {
  const [first, ...others] = colours ?? ['green'];
  const steps: Threshold[] = [
    { color: first, value: null },
    ...others.map(([value, color]) => ({ value, color })),
  ];
  return {
    thresholds: { mode: ThresholdsMode.Absolute, steps },
    ...(colours === undefined ? {} : { color: { mode: FieldColorModeId.Thresholds } }),
    ...(unit === undefined ? {} : { unit }),
    ...(decimals === undefined ? {} : { decimals }),
  };
}

/** One large figure. */
export function stat(look: Look, targets: Query[]): Placed {
  const options: StatOptions = {
    colorMode: look.colours === undefined ? BigValueColorMode.None : BigValueColorMode.Value,
    graphMode: BigValueGraphMode.None,
    justifyMode: BigValueJustifyMode.Auto,
    textMode: BigValueTextMode.Auto,
    percentChangeColorMode: PercentChangeColorMode.Standard,
    orientation: VizOrientation.Auto,
    showPercentChange: false,
    wideLayout: true,
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  };
  return {
    ...panel('stat', { width: 6, height: 4, ...look }, targets),
    fieldConfig: { defaults: fields(look), overrides: [] },
    options: { ...options },
  };
}

/** Lines, or bars, over time. */
export function timeSeries(look: Look & { bars?: true }, targets: Query[]): Placed {
  const custom: GraphFieldConfig = {
    drawStyle: look.bars ? GraphDrawStyle.Bars : GraphDrawStyle.Line,
    fillOpacity: look.bars ? 60 : 10,
    lineWidth: 1,
    gradientMode: look.colours === undefined ? GraphGradientMode.None : GraphGradientMode.Scheme,
    showPoints: VisibilityMode.Auto,
    spanNulls: false,
    axisPlacement: AxisPlacement.Auto,
  };
  const options: TimeSeriesOptions = {
    legend: {
      calcs: ['lastNotNull'],
      displayMode: LegendDisplayMode.List,
      placement: 'bottom',
      showLegend: true,
    },
    tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
  };
  return {
    ...panel('timeseries', look, targets),
    fieldConfig: { defaults: { ...fields(look), custom: { ...custom } }, overrides: [] },
    options: { ...options },
  };
}

/** Rows as they come; `units` by the name of a column. */
export function table(look: Look & { units?: Record<string, string> }, targets: Query[]): Placed {
  const options: TableOptions = { frameIndex: 0, showHeader: true };
  const overrides = Object.entries(look.units ?? {}).map(([column, unit]) => ({
    matcher: { id: 'byName', options: column },
    properties: [{ id: 'unit', value: unit }],
  }));
  return {
    ...panel('table', { height: 10, ...look }, targets),
    fieldConfig: { defaults: fields(look), overrides },
    options: { ...options },
  };
}
