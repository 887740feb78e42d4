import { isId, maximumIdBytes } from '../base/ids.ts';
import { currencyDigits, lineAmount, maximumAmountMinor, parseAmount, parseQuantity } from '../base/money.ts';
import type { DailyLine, DailyProblem } from '../sales/daily-file.ts';
import { scopedId, scopedLengthRule } from '../sales/id-scope.ts';
import { quoteText } from './quote-text.ts';
import { type FieldName, fieldNames, type RawProduct } from './read-daily-xml.ts';

const maximumIdCharacters = 256;
const maximumNameCharacters = 1_000;

/**
 * One product as a line of the file, or everything that is wrong with it; amounts are in `currency`. With `placeId`
 * its id is one of that place.
 */
export function readProduct(
  raw: RawProduct,
  currency: string,
  placeId: string | undefined,
): { line: DailyLine } | { problems: DailyProblem[] } {
  const reader = new ProductReader(raw, currency, placeId);
  const line = reader.read();
  return reader.problems.length === 0 ? { line } : { problems: reader.problems };
}

class ProductReader {
  readonly problems: DailyProblem[] = [];
  private readonly raw: RawProduct;
  private readonly currency: string;
  private readonly placeId: string | undefined;

  constructor(raw: RawProduct, currency: string, placeId: string | undefined) {
    this.raw = raw;
    this.currency = currency;
    this.placeId = placeId;
  }

  read(): DailyLine {
    for (const name of fieldNames)
      if (this.raw.repeated.has(name)) this.problem(name, 'repeated', `<${name}> stands more than once`);
    const productId = this.scoped(this.id('id'));
    const name = this.name();
    const quantityMilli = this.quantity();
    const priceMinor = this.price();
    const category = this.id('category');
    const amountMinor = lineAmount(quantityMilli, priceMinor);
    if (amountMinor >= maximumAmountMinor)
      this.problem('quantity', 'out_of_range', 'quantity × price is out of range');
    return { number: this.raw.number, productId, name, category, quantityMilli, priceMinor, amountMinor };
  }

  private given(name: FieldName): string | undefined {
    const field = this.raw.fields.get(name);
    if (field === undefined) this.problem(name, 'missing', `<${name}> is missing`);
    else if (field.text === '') this.problem(name, 'empty', `<${name}> is empty`);
    else return field.text;
    return undefined;
  }

  private id(name: 'id' | 'category'): string {
    const text = this.given(name) ?? '';
    if (text.length > maximumIdCharacters || Buffer.byteLength(text) > maximumIdBytes) {
      const message = `<${name}> is over ${maximumIdCharacters} characters or ${maximumIdBytes} bytes of UTF-8`;
      this.problem(name, 'too_long', message);
    }
    return text;
  }

  private scoped(id: string): string {
    if (this.placeId === undefined || id === '') return id;
    const scoped = scopedId(this.placeId, id);
    if (!isId(scoped)) this.problem('id', 'too_long', `<id> ${scopedLengthRule}`);
    return scoped;
  }

  private name(): string {
    const text = this.given('name') ?? '';
    if (text.length > maximumNameCharacters)
      this.problem('name', 'too_long', `<name> is over ${maximumNameCharacters} characters`);
    return text;
  }

  private quantity(): number {
    const text = this.given('quantity');
    if (text === undefined) return 0;
    const parsed = parseQuantity(text);
    if (parsed === 'too_many_decimals')
      this.problem('quantity', parsed, `"${quoteText(text)}": a quantity has at most 3 decimals`);
    else if (typeof parsed === 'string') this.numberProblem('quantity', parsed, text);
    else if (parsed <= 0) this.problem('quantity', 'not_positive', `"${quoteText(text)}": must be over 0`);
    else return parsed;
    return 0;
  }

  private price(): number {
    const text = this.given('price');
    if (text === undefined) return 0;
    const digits = currencyDigits(this.currency);
    const parsed = parseAmount(text, digits);
    if (parsed === 'too_many_decimals')
      this.problem('price', parsed, `"${quoteText(text)}": ${this.currency} has ${digits} decimals`);
    else if (typeof parsed === 'string') this.numberProblem('price', parsed, text);
    else if (parsed < 0) this.problem('price', 'negative', `"${quoteText(text)}": must not be under 0`);
    else return parsed;
    return 0;
  }

  private numberProblem(name: FieldName, code: 'not_a_number' | 'out_of_range', text: string): void {
    const message = code === 'out_of_range' ? 'is out of range' : 'is not a decimal number such as 1500.00';
    this.problem(name, code, `"${quoteText(text)}" ${message}`);
  }

  private problem(name: FieldName, code: string, message: string): void {
    const { number, fields } = this.raw;
    const line = fields.get(name)?.line ?? this.raw.line;
    const pointer = `/products/product/${number}/${name}`;
    this.problems.push({ pointer, code, message: `line ${line}, product ${number}: ${message}`, line });
  }
}
