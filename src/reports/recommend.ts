import type { CurrencyFacts, RecommendationFact } from './report-facts.ts';

/** From here on it is worth a word. */
const manyRefundsPercent = 5;
const receiptChangePercent = 10;
const oneCategoryPercent = 60;
const mostProductRecommendations = 3;

/** What to do, each following from one fact; the most pressing first. */
export function recommend(
  facts: Omit<CurrencyFacts, 'recommendations'>,
  period: { isUnfinished: boolean },
): RecommendationFact[] {
  const list: RecommendationFact[] = [];
  for (const { date, direction, change_percent } of facts.unusual_days.slice(0, 2))
    list.push({ kind: direction === 'low' ? 'low_day' : 'high_day', date, change_percent });
  for (const product of facts.unusual_products.slice(0, mostProductRecommendations)) {
    const { name, direction, units, usual_units } = product;
    const less = units === 0 ? 'not_sold' : 'sold_less';
    list.push({ kind: direction === 'high' ? 'sold_more' : less, product: name, units, usual_units });
  }
  const { refunds, refunds_percent } = facts;
  if (refunds_percent !== null && refunds_percent >= manyRefundsPercent)
    list.push({ kind: 'refunds', refunds, refunds_percent });
  if (!period.isUnfinished) list.push(...aboutReceipts(facts));
  const [category, second] = facts.categories;
  const share = category?.share_percent ?? 0;
  if (category !== undefined && second !== undefined && share >= oneCategoryPercent)
    list.push({ kind: 'one_category', category: category.category, share_percent: share });
  const [best] = facts.top_by_money;
  if (best !== undefined && best.share_percent !== null)
    list.push({ kind: 'keep_in_stock', product: best.name, share_percent: best.share_percent });
  return list;
}

function aboutReceipts(facts: Omit<CurrencyFacts, 'recommendations'>): RecommendationFact[] {
  const usual = facts.comparisons.find(({ kind }) => kind === 'same_weekday_average');
  if (usual === undefined || facts.receipts === null || facts.average_receipt === null) return [];
  const { average_receipt_change_percent: average, receipts_change_percent: count } = usual;
  const list: RecommendationFact[] = [];
  if (average !== null && average <= -receiptChangePercent)
    list.push({
      kind: 'smaller_receipts',
      average_receipt: facts.average_receipt,
      change_percent: average,
    });
  if (count !== null && count <= -receiptChangePercent)
    list.push({ kind: 'fewer_receipts', receipts: facts.receipts, change_percent: count });
  return list;
}
