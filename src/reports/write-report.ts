import { createFormat, escapeMarkdown, type Format } from './format-figures.ts';
import type {
  CurrencyFacts,
  Language,
  ProductFact,
  RecommendationFact,
  ReportFacts,
} from './report-facts.ts';
import { type Words, wordsOf } from './report-words.ts';

type Means = { words: Words; format: Format };

/** The report in Markdown, from the facts alone; the same facts give the same text. */
export function writeReport(facts: ReportFacts, language: Language): string {
  const means: Means = { words: wordsOf[language], format: createFormat(language) };
  const { words, format } = means;
  const { from, to } = facts;
  const period = from === to ? format.fullDay(from) : `${format.day(from)}–${format.day(to)}`;
  const place = facts.place === null ? words.allPlaces : words.place(escapeMarkdown(facts.place));
  const head = [`# ${words.title(period)}`, `${place} ${words.basis[facts.basis]}`];
  if (facts.is_unfinished) head.push(words.unfinished);
  if (facts.currencies.length === 0) return [...head, words.nothingSold, ''].join('\n\n');
  const several = facts.currencies.length > 1;
  const sections = facts.currencies.flatMap((section) => [
    ...(several ? [`## ${section.currency}`] : []),
    ...writeSection(section, means, several ? '###' : '##'),
  ]);
  return `${[...head, ...sections].join('\n\n')}\n`;
}

/** To be put under a text that the program wrote although a model was asked. */
export function markFallback(report: string, language: Language): string {
  return `${report}\n---\n\n*${wordsOf[language].fallback}*\n`;
}

function writeSection(facts: CurrencyFacts, means: Means, level: string): string[] {
  const { headings } = means.words;
  const blocks = [`${level} ${headings.main}`, ...writeLead(facts, means), writeMain(facts, means)];
  if (facts.comparisons.length > 0)
    blocks.push(`${level} ${headings.comparisons}`, writeComparisons(facts, means));
  const tops: [string, ProductFact[]][] = [
    [headings.topByMoney, facts.top_by_money],
    [headings.topByUnits, facts.top_by_units],
  ];
  for (const [heading, products] of tops)
    if (products.length > 0) blocks.push(`${level} ${heading}`, writeProducts(products, facts, means));
  if (facts.categories.length > 0)
    blocks.push(`${level} ${headings.categories}`, writeCategories(facts, means));
  blocks.push(`${level} ${headings.unusual}`, writeUnusual(facts, means));
  if (facts.recommendations.length > 0)
    blocks.push(`${level} ${headings.recommendations}`, writeRecommendations(facts, means));
  return blocks;
}

/** The one sentence that is read if nothing else is: the revenue beside what is usual, or what was last. */
function writeLead(facts: CurrencyFacts, { words, format }: Means): string[] {
  const { comparisons } = facts;
  const usual = comparisons.find(({ kind }) => kind === 'same_weekday_average') ?? comparisons[0];
  const change = usual?.revenue_change_percent ?? null;
  if (usual === undefined || change === null) return [];
  let way: 'more' | 'less' | 'same' = 'same';
  if (change !== 0) way = change > 0 ? 'more' : 'less';
  return [words.lead(format.money(facts.revenue, facts.currency), format.size(change), way, usual.kind)];
}

function writeMain(facts: CurrencyFacts, { words, format }: Means): string {
  const money = (value: number) => format.money(value, facts.currency);
  const lines = [words.main.revenue(money(facts.revenue))];
  if (facts.refunds !== 0)
    lines.push(
      words.main.sales(money(facts.sales)),
      words.main.refunds(money(facts.refunds), format.share(facts.refunds_percent)),
    );
  if (facts.discounts !== 0) lines.push(words.main.discounts(money(facts.discounts)));
  if (facts.receipts !== null) lines.push(words.main.receipts(format.number(facts.receipts)));
  if (facts.average_receipt !== null) lines.push(words.main.averageReceipt(money(facts.average_receipt)));
  lines.push(words.main.units(format.number(facts.units)));
  return lines.map((line) => `- ${line}`).join('\n');
}

function writeComparisons(facts: CurrencyFacts, { words, format }: Means): string {
  const { columns } = words;
  const hasReceipts = facts.receipts !== null;
  const header = [columns.comparedWith, columns.revenue, columns.change];
  if (hasReceipts) header.push(columns.receipts, columns.averageReceipt);
  const rows = facts.comparisons.map((one) => {
    const label = words.comparisons[one.kind](format.day(one.from), format.day(one.to));
    const cells = [
      label,
      format.money(one.revenue, facts.currency),
      format.change(one.revenue_change_percent),
    ];
    if (one.receipts === null) return cells;
    const average = one.average_receipt;
    return [
      ...cells,
      format.number(one.receipts),
      average === null ? '—' : format.money(average, facts.currency),
    ];
  });
  return writeTable(header, rows);
}

function writeProducts(products: ProductFact[], { currency }: CurrencyFacts, { words, format }: Means) {
  const { columns } = words;
  return writeTable(
    [columns.product, columns.revenue, columns.share, columns.units],
    products.map((one) => [
      escapeMarkdown(one.name),
      format.money(one.revenue, currency),
      format.share(one.share_percent),
      format.number(one.units),
    ]),
  );
}

function writeCategories({ categories, currency }: CurrencyFacts, { words, format }: Means): string {
  const { columns } = words;
  return writeTable(
    [columns.category, columns.revenue, columns.share, columns.units],
    categories.map((one) => [
      escapeMarkdown(one.category),
      format.money(one.revenue, currency),
      format.share(one.share_percent),
      format.number(one.units),
    ]),
  );
}

function writeUnusual(facts: CurrencyFacts, { words, format }: Means): string {
  const days = facts.unusual_days.map((fact) =>
    words.unusualDay({
      ...{ date: format.day(fact.date), direction: fact.direction },
      revenue: format.money(fact.revenue, facts.currency),
      usual_revenue: format.money(fact.usual_revenue, facts.currency),
      change_percent: format.change(fact.change_percent),
    }),
  );
  const products = facts.unusual_products.map((fact) =>
    words.unusualProduct({
      ...{ name: escapeMarkdown(fact.name), direction: fact.direction },
      units: format.number(fact.units),
      usual_units: format.number(fact.usual_units),
    }),
  );
  const lines = [...days, ...products];
  return lines.length === 0 ? words.nothingUnusual : lines.map((line) => `- ${line}`).join('\n');
}

function writeRecommendations(facts: CurrencyFacts, means: Means): string {
  return facts.recommendations
    .map((one, index) => `${index + 1}. ${means.words.recommendation(written(one, facts.currency, means))}`)
    .join('\n');
}

/** Every figure of a recommendation as text, every name escaped. */
function written(fact: RecommendationFact, currency: string, { format }: Means) {
  const members = Object.entries(fact).map(([key, value]): [string, string] => {
    if (key === 'date') return [key, format.day(value as string)];
    if (typeof value === 'string') return [key, key === 'kind' ? value : escapeMarkdown(value)];
    if (key === 'change_percent') return [key, format.change(value)];
    if (key.endsWith('_percent')) return [key, format.share(value)];
    if (key === 'refunds' || key === 'average_receipt') return [key, format.money(value, currency)];
    return [key, format.number(value)];
  });
  return Object.fromEntries(members) as Parameters<Words['recommendation']>[0];
}

function writeTable(header: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const alignments = header.map((_, index) => (index === 0 ? '---' : '---:'));
  return [line(header), line(alignments), ...rows.map(line)].join('\n');
}
