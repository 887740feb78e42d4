import {
  type Dashboard,
  DashboardCursorSync,
  VariableHide,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/schema';
import { type Placed, prometheus, sales } from './panel.ts';

const columns = 24;

/** Puts panels beside each other while there is room, as they stand in the list. */
function place(panels: readonly Placed[]): Placed[] {
  let [x, y, rowHeight] = [0, 0, 0];
  return panels.map((panel, index) => {
    const { w, h } = panel.gridPos;
    if (x + w > columns) [x, y, rowHeight] = [0, y + rowHeight, 0];
    const placed = { ...panel, id: index + 1, gridPos: { w, h, x, y } };
    x += w;
    rowHeight = Math.max(rowHeight, h);
    return placed;
  });
}

type Named = Required<Pick<Dashboard, 'uid' | 'title' | 'description' | 'time' | 'refresh'>>;
export type MadeDashboard = Omit<Dashboard, 'uid' | 'title' | 'panels'> & {
  uid: string;
  title: string;
  panels: Placed[];
};

export function makeDashboard(
  own: Named & {
    variables: VariableModel[];
    panels: Placed[];
  },
): MadeDashboard {
  const { variables, panels, ...rest } = own;
  return {
    ...rest,
    id: null,
    tags: ['tillstream'],
    timezone: 'browser',
    editable: true,
    graphTooltip: DashboardCursorSync.Crosshair,
    schemaVersion: 41,
    templating: { list: variables },
    panels: place(panels),
  } satisfies Dashboard;
}

type Asked = { name: string; label: string; query: string };

const variable = ({ name, label, query }: Asked): VariableModel => ({
  ...{ name, label, query, type: 'query', hide: VariableHide.dontHide },
  ...{ refresh: VariableRefresh.onDashboardLoad, sort: VariableSort.alphabeticalAsc },
});

/** Several values of a variable may be chosen, and all of them are at first. */
const several: Partial<VariableModel> = {
  ...{ multi: true, includeAll: true },
  current: { selected: true, text: ['All'], value: ['$__all'] },
};

/** Sums never mix currencies, so one is chosen. */
export const currency: VariableModel = {
  ...variable({
    name: 'currency',
    label: 'Currency',
    query: 'select currency from cdm.v_sales_month group by currency order by sum(receipts) desc',
  }),
  ...{ datasource: sales, sort: VariableSort.disabled },
};

export const places: VariableModel = {
  ...variable({
    name: 'place',
    label: 'Place',
    query: 'select place_id as __value, place_name as __text from cdm.v_place order by place_name',
  }),
  ...several,
  datasource: sales,
};

export const services: VariableModel = {
  ...variable({ name: 'service', label: 'Service', query: 'label_values(up{job="tillstream"}, service)' }),
  ...several,
  datasource: prometheus,
};
