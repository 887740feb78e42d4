import type { Queryable } from '../base/db.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';

/** What judging a place takes, as of one moment. */
export type PlaceFacts = {
  placeId: string;
  name: string | null;
  zone: string;
  /** Minutes after midnight. */
  dayStartMinutes: number;
  /** Those it sells in; the one it is set to, or the configured one, where it sold nothing lately. */
  currencies: string[];
  /** It sold something in the last 35 days; another is taken for closed. */
  isActive: boolean;
  /** Since when there are sales of it, and since when any arrived as they were made. */
  firstSaleMs: number | undefined;
  firstArrivalMs: number | undefined;
};

export type FactsDeps = {
  reference: { current(): ReferenceSnapshot };
  defaultTimeZone: string;
  defaultCurrency: string;
};

/** A currency with less than a tenth of the receipts is a tourist's. */
const leastShare = 0.1;

const selectFacts = `
  with sold as (
    select place_id, currency, sum(receipts + refund_receipts) as receipts from cdm.v_sales_day
    where business_date > $1::date - 35 and business_date <= $1::date + 1 and source = any($3::text[])
    group by place_id, currency
  ),
  usual as (
    select place_id, array_agg(currency order by receipts desc, currency) as currencies
    from (select *, sum(receipts) over (partition by place_id) as of_place from sold) as s
    where receipts >= ${leastShare} * of_place
    group by place_id
  ),
  named as (
    select place_id, place_name from ops.place
    union all
    select i, null from unnest($2::text[]) as i where not exists (select from ops.place as p where p.place_id = i)
  )
  select p.place_id, p.place_name, u.currencies,
    (select h.period::timestamptz from cdm.sales_hour as h where h.place_id = p.place_id order by h.period limit 1) as first_sale,
    (select t.slot_at from cdm.place_pulse as t where t.place_id = p.place_id and t.by_arrival order by t.slot_at limit 1) as first_arrival
  from named as p left join usual as u on u.place_id = p.place_id order by p.place_id`;

type Row = {
  place_id: string;
  place_name: string | null;
  currencies: string[] | null;
  first_sale: Date | null;
  first_arrival: Date | null;
};

/** Every place there is, and those that rules name although nothing is known of them. */
export async function readPlaceFacts(
  client: Queryable,
  deps: FactsDeps,
  asked: { atMs: number; named: readonly string[] },
): Promise<PlaceFacts[]> {
  const at = new Date(asked.atMs).toISOString();
  const { rows } = await client.query<Row>({
    name: 'alert-places',
    text: selectFacts,
    values: [at.slice(0, 10), asked.named, ['receipt', 'transaction', 'order']],
  });
  const snapshot = deps.reference.current();
  const time = { local: at.slice(0, 19), offset: 'Z' };
  return rows.map((row) => {
    const settings = snapshot.placeSettings(row.place_id, time, deps.defaultTimeZone);
    const [hours, minutes] = settings.businessDayStart.split(':').map(Number);
    const own = snapshot.placeCurrency(row.place_id, time, deps.defaultTimeZone) ?? deps.defaultCurrency;
    return {
      ...{ placeId: row.place_id, name: row.place_name, zone: settings.timeZone },
      dayStartMinutes: hours! * 60 + minutes!,
      ...{ currencies: row.currencies ?? [own], isActive: row.currencies !== null },
      firstSaleMs: row.first_sale?.getTime(),
      firstArrivalMs: row.first_arrival?.getTime(),
    };
  });
}
