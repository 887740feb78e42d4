import { guessDate, guessDecimal } from './guess-file.ts';
import type { Field, Mapping } from './mapping.ts';

/** A column of the file or, as `lookup.column`, of one that is looked up, with the first cells of it. */
export type Column = { name: string; samples: string[] };
/** Another file that was given with the first: its name and its columns. */
export type OtherFile = { file: string; columns: Column[]; encoding: string; delimiter: string };

/** What columns are called, without case, spaces and signs; the first that is there is taken. */
const names = {
  transaction_id: [
    ...['transactionid', 'receiptid', 'receiptno', 'receiptnumber', 'receipt', 'checkid', 'check', 'orderid'],
    ...['orderno', 'ordernumber', 'invoiceno', 'invoice', 'transaction', 'номерчека', 'чек', 'id', 'номер'],
  ],
  timestamp: ['timestamp', 'datetime', 'soldat', 'createdat', 'at', 'датавремя', 'датаивремя'],
  date: ['date', 'businessdate', 'saledate', 'orderdate', 'day', 'дата', 'датапродажи'],
  time: ['time', 'saletime', 'ordertime', 'время'],
  place_id: ['placeid', 'storeid', 'shopid', 'store', 'shop', 'place', 'магазин', 'точка'],
  place_name: ['placename', 'storename', 'shopname', 'названиемагазина'],
  customer_id: ['customerid', 'clientid', 'customer', 'client', 'покупатель', 'клиент'],
  currency: ['currency', 'валюта'],
  payment_method: ['paymentmethod', 'payment', 'paidby', 'оплата', 'способоплаты'],
  nds_amount: ['ndsamount', 'vatamount', 'taxamount', 'vat', 'tax', 'nds', 'ндс'],
  tips_amount: ['tipsamount', 'tips', 'tip', 'чаевые'],
  discount_amount: ['discountamount', 'discount', 'скидка'],
  receipt_total: ['totalamount', 'receipttotal', 'ordertotal', 'total', 'итого'],
  product_id: [
    'productid',
    'sku',
    'itemid',
    'pizzaid',
    'articleno',
    'article',
    'barcode',
    'артикул',
    'код',
    'product',
  ],
  name: ['productname', 'itemname', 'name', 'description', 'наименование', 'название', 'товар'],
  category: ['category', 'categoryname', 'group', 'категория', 'группа'],
  quantity: ['quantity', 'qty', 'pieces', 'count', 'units', 'количество', 'колво'],
  price: ['price', 'unitprice', 'цена'],
  amount: ['lineamount', 'linetotal', 'amount', 'sum', 'сумма'],
} as const;
type Known = keyof typeof names;

const plain = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
/** Without the name of the look-up. */
const bare = (name: string) => name.slice(name.lastIndexOf('.') + 1);

/** A first mapping for a person to look over: what the names of the columns and their first cells suggest. */
export function guessMapping(
  columns: readonly Column[],
  others: readonly OtherFile[],
  written: Pick<Mapping, 'encoding' | 'delimiter'>,
): Mapping {
  const { lookup, reachable } = guessLookups(columns, others);
  const find = (known: Known) =>
    names[known]
      .map((name) => reachable.find((column) => plain(bare(column.name)) === name))
      .find((column) => column !== undefined);
  const common = {
    ...(written.encoding === 'utf-8' ? {} : { encoding: written.encoding! }),
    ...(written.delimiter === ',' ? {} : { delimiter: written.delimiter! }),
    ...(lookup === undefined ? {} : { lookup }),
  };
  const isTransaction =
    !find('price') && !find('category') && find('product_id') && (find('amount') ?? find('receipt_total'));
  return isTransaction ? transactionOf(find, common) : receiptOf(find, common);
}

type Find = (known: Known) => Column | undefined;
type Fields = Record<string, Field>;

function transactionOf(find: Find, common: Partial<Mapping>): Mapping {
  const fields: Fields = {};
  add(fields, 'transaction_id', text(find('transaction_id')));
  addTime(fields, find);
  for (const name of ['place_id', 'customer_id', 'currency', 'product_id'] as const)
    add(fields, name, text(find(name)));
  fields.quantity = number(find('quantity')) ?? { const: 1 };
  add(fields, 'total_amount', number(find('receipt_total') ?? find('amount')));
  return { source: 'transaction', ...common, transaction: fields };
}

function receiptOf(find: Find, common: Partial<Mapping>): Mapping {
  const id = find('transaction_id');
  const isGrouped =
    id !== undefined &&
    !id.name.includes('.') &&
    id.samples.some((cell, index) => index > 0 && cell === id.samples[index - 1]);
  const receipt: Fields = {};
  add(receipt, 'transaction_id', text(id));
  addTime(receipt, find);
  for (const name of ['place_id', 'place_name', 'customer_id', 'currency'] as const)
    add(receipt, name, text(find(name)));
  for (const name of ['tips_amount', 'discount_amount'] as const) add(receipt, name, number(find(name)));
  receipt.total_amount = number(find('receipt_total')) ?? { sum: 'items' };
  receipt.nds_amount = number(find('nds_amount')) ?? { const: 0 };
  receipt.payment_method = text(find('payment_method')) ?? { const: 'unknown' };
  const items: Fields = {};
  add(items, 'product_id', text(find('product_id') ?? find('name')));
  add(items, 'name', text(find('name')));
  items.category = text(find('category')) ?? { const: 'unknown' };
  items.quantity = number(find('quantity')) ?? { const: 1 };
  add(items, 'price', number(find('price') ?? find('amount')));
  if (find('price') !== undefined) add(items, 'amount', number(find('amount')));
  return { source: 'receipt', ...common, ...(isGrouped ? { group_by: id.name } : {}), receipt, items };
}

function add(fields: Fields, name: string, field: Field | undefined): void {
  if (field !== undefined) fields[name] = field;
}

const text = (column: Column | undefined): Field | undefined => column && { column: column.name };

function number(column: Column | undefined): Field | undefined {
  if (column === undefined) return undefined;
  const decimal = guessDecimal(column.samples);
  return { column: column.name, ...(decimal === undefined ? {} : { decimal }) };
}

function addTime(fields: Fields, find: Find): void {
  const whole = find('timestamp');
  const [day, time] = [find('date'), find('time')];
  const column = whole ?? day;
  if (column === undefined) return;
  if (whole !== undefined || time === undefined) {
    const date = guessDate(column.samples);
    fields.timestamp = { column: column.name, ...(date === undefined ? {} : { date }) };
    return;
  }
  const joined = day!.samples.map((cell, index) => `${cell} ${time.samples[index] ?? ''}`);
  const date = guessDate(joined);
  const isIso = date === undefined || /^YYYY-MM-DD HH:mm(:ss)?$/.test(date);
  fields.timestamp = isIso
    ? { format: `{${day!.name}}T{${time.name}}` }
    : { format: `{${day!.name}} {${time.name}}`, date };
}

/** A file joins by its first column that has the name of one that is there; then its other columns are there too. */
function guessLookups(columns: readonly Column[], others: readonly OtherFile[]) {
  const reachable = [...columns];
  const lookup: NonNullable<Mapping['lookup']> = {};
  let waiting = [...others];
  for (let found = true; found; ) {
    found = false;
    for (const other of waiting) {
      const key = other.columns.find(({ name }) => reachable.some((column) => bare(column.name) === name));
      if (key === undefined) continue;
      const by = reachable.find((column) => bare(column.name) === key.name)!.name;
      const name = lookupName(other.file, lookup);
      lookup[name] = {
        ...{ file: other.file, key: key.name },
        ...(by === key.name ? {} : { by }),
        ...(other.encoding === 'utf-8' ? {} : { encoding: other.encoding as 'latin1' }),
        ...(other.delimiter === ',' ? {} : { delimiter: other.delimiter }),
      };
      for (const column of other.columns)
        if (column !== key) reachable.push({ name: `${name}.${column.name}`, samples: column.samples });
      waiting = waiting.filter((one) => one !== other);
      found = true;
    }
  }
  return { reachable, lookup: Object.keys(lookup).length === 0 ? undefined : lookup };
}

function lookupName(file: string, taken: object): string {
  const base = file
    .replace(/\.\w+$/, '')
    .replace(/[^\w-]/g, '_')
    .replace(/^(?=[^A-Za-z_])/, '_');
  let name = base;
  for (let number = 2; Object.hasOwn(taken, name); number++) name = `${base}_${number}`;
  return name;
}
