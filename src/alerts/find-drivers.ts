import { binaryColumn, type Queryable } from '../base/db.ts';
import { currencyDigits } from '../base/money.ts';
import type { CheckedRule } from './alert-rule.ts';
import { explainAlert, fell, largest, partDrivers, rounded, type Shown } from './explain-alert.ts';
import type { Driver, Explanation } from './explanation.ts';
import { windowEnd } from './figure-windows.ts';
import type { Judgement } from './judgement.ts';
import type { PlaceFacts } from './place-facts.ts';

type Fired<R> = { rule: R; judgement: Judgement };

// Products are kept by the business day: what each sold today, and on the same weekday of past weeks in the mean.
const selectProducts = `
  with asked as (
    select * from unnest($1::int4[], $2::text[], $3::text[], $4::text[], $5::int4[]) as a(alert, place_id, currency, day, weeks)
  ),
  sold as (
    select a.alert, t.product_id, coalesce(sum(t.net) filter (where t.period = a.day::date), 0)::float8 as today,
      coalesce(sum(t.net) filter (where t.period < a.day::date), 0)::float8 / a.weeks as usual
    from asked as a
    cross join lateral (
      select p.product_id, p.period, p.sales - p.refunds as net from cdm.product_day as p
      where p.place_id = a.place_id and p.currency = a.currency and p.source = any($6::text[])
        and p.period = any(select a.day::date - 7 * w from generate_series(0, a.weeks) as w)
      offset 0
    ) as t
    group by a.alert, t.product_id, a.weeks
  )
  select s.alert, s.product_id, p.product_name, s.today, s.usual
  from sold as s left join ops.product as p on p.product_id = s.product_id`;

type ProductRow = {
  alert: number;
  product_id: string;
  product_name: string | null;
  today: number;
  usual: number;
};

const byProducts = ['sales', 'net', 'average_receipt'];

function wantsProducts({ rule, judgement }: Fired<CheckedRule>): boolean {
  const isOfSales = rule.kind === 'threshold' || rule.kind === 'change';
  const isWhole = rule.product_id === null && rule.category === null && judgement.placeId !== null;
  return isOfSales && isWhole && byProducts.includes(rule.metric) && judgement.currency !== null;
}

async function readProducts(
  client: Queryable,
  fired: readonly Fired<CheckedRule>[],
  walls: ReadonlyMap<string, PlaceFacts>,
): Promise<Map<number, ProductRow[]>> {
  const asked = fired.flatMap((one, alert) => {
    const wall = walls.get(one.judgement.placeId ?? '');
    if (wall === undefined || !wantsProducts(one)) return [];
    const day = windowEnd('product', wall, one.judgement.windowToMs - 1);
    return [{ ...one, alert, day: new Date(day).toISOString().slice(0, 10) }];
  });
  if (asked.length === 0) return new Map();
  const { rows } = await client.query<ProductRow>({
    name: 'alert-products',
    text: selectProducts,
    values: [
      binaryColumn('int4', asked, ({ alert }) => alert),
      binaryColumn('text', asked, ({ judgement }) => judgement.placeId),
      binaryColumn('text', asked, ({ judgement }) => judgement.currency),
      binaryColumn('text', asked, ({ day }) => day),
      binaryColumn('int4', asked, ({ rule }) => rule.weeks),
      ['receipt', 'transaction', 'order'],
    ],
  });
  return Map.groupBy(rows, ({ alert }) => alert);
}

/**
 * Which products are off. A day that still runs is compared with as much of a usual one as the place would have sold
 * by now: what it sold, less what the alert's window is off by.
 */
function productDrivers({ rule, judgement }: Fired<CheckedRule>, rows: readonly ProductRow[]): Driver[] {
  const unit = 10 ** currencyDigits(judgement.currency ?? '');
  const usualDay = rows.reduce((sum, { usual }) => sum + usual, 0);
  if (usualDay <= 0) return [];
  const today = rows.reduce((sum, row) => sum + row.today, 0);
  const off = partDrivers(rule, judgement).reduce((sum, { change }) => sum + change, 0) * unit;
  const part = Math.min(1, Math.max(0, (today - off) / usualDay));
  const drivers = rows.map((row): Driver => {
    const [value, baseline] = [row.today / unit, (row.usual * part) / unit];
    return {
      ...{ kind: 'product', id: row.product_id, name: row.product_name ?? row.product_id },
      ...{ value: rounded(value), baseline: rounded(baseline), change: rounded(value - baseline) },
    };
  });
  return largest(drivers, fell(rule, judgement));
}

function placeDrivers(
  { rule, judgement }: Fired<CheckedRule>,
  names: ReadonlyMap<string, PlaceFacts>,
): Driver[] {
  const drivers = (judgement.byPlace?.() ?? []).flatMap(({ placeId, value, baseline }): Driver[] =>
    baseline === null
      ? []
      : [
          {
            ...{ kind: 'place', id: placeId, name: names.get(placeId)?.name ?? placeId },
            ...{ value, baseline: rounded(baseline), change: rounded(value - baseline) },
          },
        ],
  );
  return largest(drivers, fell(rule, judgement));
}

/** Why each of them fired, in their order; one statement for all. */
export async function explainAlerts<R extends CheckedRule>(
  client: Queryable,
  fired: readonly Fired<R>[],
  places: readonly PlaceFacts[],
  defaultTimeZone: string,
): Promise<Explanation[]> {
  if (fired.length === 0) return [];
  const byId = new Map(places.map((place) => [place.placeId, place]));
  const products = await readProducts(client, fired, byId);
  return fired.map((one, index) => {
    const { rule, judgement } = one;
    const place = byId.get(judgement.placeId ?? '');
    const rows = products.get(index) ?? [];
    const further = rule.all_places ? placeDrivers(one, byId) : productDrivers(one, rows);
    const names = new Map(rows.map((row) => [row.product_id, row.product_name]));
    const shown: Shown = {
      place: judgement.placeId === null ? null : (place?.name ?? judgement.placeId),
      zone: place?.zone ?? defaultTimeZone,
      nameOf: (kind, id) => (kind === 'place' ? byId.get(id)?.name : names.get(id)) ?? id,
    };
    return explainAlert(rule, judgement, shown, further);
  });
}
