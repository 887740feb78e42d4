import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { maximumIdBytes } from '../base/ids.ts';
import type { Config } from '../config.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';
import {
  type DailyFile,
  type DailyLine,
  type DailyProblem,
  type DailySender,
  dailyLocalTime,
  dailyTime,
  isDay,
  maximumProducts,
  maximumTotalMinor,
} from '../sales/daily-file.ts';
import { readProduct } from './daily-product.ts';
import { quoteText } from './quote-text.ts';
import { DailyXmlReader, type RawProduct } from './read-daily-xml.ts';
import { RefusedXml } from './refused-xml.ts';

export type DailyReadingDeps = {
  current: ReferenceSnapshot;
  config: Pick<Config, 'maximumFutureHours' | 'minimumDate' | 'productIdScope'>;
  clock: Clock;
};

/** More are counted, not listed: a file with a million bad products is not answered with all of them. */
const maximumListed = 1_000;

/** What one file says, gathered as its text comes: totals, hashes, the products not yet handed over, problems. */
export class DailyReading {
  readonly problems: DailyProblem[] = [];
  placeId: string | undefined;
  date: string | undefined;
  private readonly deps: DailyReadingDeps;
  private readonly sender: DailySender;
  private readonly xml: DailyXmlReader;
  private readonly values = createHash('sha256');
  private readonly unknown = createHash('sha256');
  private lines: DailyLine[] = [];
  private currency: string;
  private products = 0;
  private badProducts = 0;
  private unlisted = 0;
  private totalMinor = 0;
  private unitsMilli = 0;

  constructor(deps: DailyReadingDeps, sender: DailySender) {
    this.deps = deps;
    this.sender = sender;
    this.currency = sender.resolved.currency;
    this.xml = new DailyXmlReader({
      root: (attributes, line) => this.readRoot(attributes, line),
      product: (product) => this.readProduct(product),
      unknown: (where, text) => this.unknown.update(JSON.stringify([where, text])),
    });
  }

  /** Throws `RefusedXml` where nothing after this place is to be read. */
  write(text: string): void {
    this.xml.write(text);
  }

  end(): void {
    this.xml.end();
    if (this.products === 0)
      this.problem({ pointer: '/products', code: 'empty_items', message: 'the file holds no product' });
  }

  /** The products read since it was last asked. */
  takeLines(): DailyLine[] {
    const { lines } = this;
    this.lines = [];
    return lines;
  }

  /** Where in the file the reading is, from 1. */
  line(): number {
    return this.xml.line;
  }

  hasProblems(): boolean {
    return this.problems.length > 0;
  }

  /** Adds what ended the reading, and tells how much is not listed. */
  allProblems(refusal?: RefusedXml): DailyProblem[] {
    const all = [...this.problems];
    if (this.unlisted > 0) {
      const message = `${this.unlisted} more problems are not listed; ${this.badProducts} products have problems in all`;
      all.push({ pointer: '/products', code: 'more_problems', message });
    }
    if (refusal !== undefined) all.push(refusal.problem());
    return all;
  }

  file(contentHash: Buffer): DailyFile {
    return {
      placeId: this.placeId!,
      date: this.date!,
      currency: this.currency,
      products: this.products,
      totalMinor: this.totalMinor,
      unitsMilli: this.unitsMilli,
      contentHash,
      canonicalHash: this.values.update(this.unknown.digest()).digest(),
      receivedAtMs: this.deps.clock.nowMs(),
    };
  }

  private readRoot(attributes: Record<string, string>, line: number): void {
    const { date, place_id: named, ...others } = attributes;
    this.readPlace(named, line);
    this.readDate(date, line);
    if (this.placeId !== undefined && this.date !== undefined) {
      const { timeZone, currency } = this.sender.resolved;
      const time = dailyLocalTime(this.date);
      this.currency = this.deps.current.placeCurrency(this.placeId, time, timeZone) ?? currency;
    }
    this.values.update(JSON.stringify([this.placeId, this.date]));
    for (const [name, value] of Object.entries(others))
      this.unknown.update(JSON.stringify([`@${name}`, value]));
  }

  private readPlace(named: string | undefined, line: number): void {
    const { boundPlaceId, resolved } = this.sender;
    const placeId = named?.trim() ?? resolved.placeId;
    if (boundPlaceId !== undefined && placeId !== boundPlaceId) {
      const message = `the token is bound to the place ${boundPlaceId}`;
      throw new RefusedXml('foreign_place', message, line, '/@place_id');
    }
    const fits = placeId !== '' && placeId.length <= 256 && Buffer.byteLength(placeId) <= maximumIdBytes;
    if (fits) this.placeId = placeId;
    else
      this.rootProblem('place_id', line, {
        code: placeId === '' ? 'empty' : 'too_long',
        message: `place_id has 1 to 256 characters, in at most ${maximumIdBytes} bytes of UTF-8`,
      });
  }

  private readDate(written: string | undefined, line: number): void {
    const date = written?.trim();
    if (date === undefined)
      this.rootProblem('date', line, { code: 'missing', message: 'the attribute date is missing' });
    else if (isDay(date)) this.takeDate(date, line);
    else {
      const message = `"${quoteText(date)}" is not a date that exists, such as 2024-01-31`;
      this.rootProblem('date', line, { code: 'invalid_date', message });
    }
  }

  private takeDate(date: string, line: number): void {
    this.date = date;
    const { maximumFutureHours, minimumDate } = this.deps.config;
    const code = 'timestamp_out_of_range';
    if (date < minimumDate) this.rootProblem('date', line, { code, message: `before ${minimumDate}` });
    if (this.placeId === undefined) return;
    const { timeZone } = this.sender.resolved;
    const settings = this.deps.current.placeSettings(this.placeId, dailyLocalTime(date), timeZone);
    const begins = dailyTime(date, settings).epochMs;
    if (begins > this.deps.clock.nowMs() + maximumFutureHours * 3_600_000) {
      const message = `the day begins more than ${maximumFutureHours} hours after the file came`;
      this.rootProblem('date', line, { code, message });
    }
  }

  private readProduct(raw: RawProduct): void {
    this.products++;
    if (this.products > maximumProducts) {
      const message = `the file holds more than ${maximumProducts} products`;
      throw new RefusedXml('too_many_products', message, raw.line, '/products');
    }
    const scope = this.deps.config.productIdScope === 'place' ? this.placeId : undefined;
    const read = readProduct(raw, this.currency, scope);
    if ('problems' in read) {
      this.badProducts++;
      for (const problem of read.problems) this.problem(problem);
      return;
    }
    const { line } = read;
    this.totalMinor += line.amountMinor;
    this.unitsMilli += line.quantityMilli;
    if (this.totalMinor >= maximumTotalMinor)
      throw new RefusedXml('out_of_range', 'the products add up to too much', raw.line, '/products');
    const { productId, name, category, quantityMilli, priceMinor } = line;
    this.values.update(JSON.stringify([productId, name, category, quantityMilli, priceMinor]));
    if (!this.hasProblems()) this.lines.push(line);
  }

  private rootProblem(name: string, line: number, problem: { code: string; message: string }): void {
    const message = `line ${line}: ${problem.message}`;
    this.problem({ pointer: `/@${name}`, code: problem.code, message, line });
  }

  private problem(problem: DailyProblem): void {
    if (this.problems.length < maximumListed) this.problems.push(problem);
    else this.unlisted++;
  }
}
