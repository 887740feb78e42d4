import type { ComparisonKind } from './report-facts.ts';
import type { Words } from './report-words.ts';

const than: Record<ComparisonKind, string> = {
  previous_day: 'the day before',
  previous_period: 'in the period before',
  week_before: 'on the same weekdays before',
  average_of_7_days_before: 'on average in the week before',
  same_weekday_average: 'usual for these weekdays',
};

export const enWords: Words = {
  title: (period) => `Sales report: ${period}`,
  allPlaces: 'All places together.',
  place: (name) => `Place: “${name}”.`,
  basis: {
    itemised: 'From single sales; revenue is net of refunds.',
    declared: 'From daily files with totals, which name no receipts.',
  },
  unfinished: 'The last day is not over yet, so comparisons with whole days are preliminary.',
  nothingSold: 'There are no sales in this period.',
  headings: {
    main: 'In short',
    comparisons: 'Comparison',
    topByMoney: 'Best by revenue',
    topByUnits: 'Best by quantity',
    categories: 'Categories',
    unusual: 'Unusual',
    recommendations: 'Recommendations',
  },
  columns: {
    comparedWith: 'Compared with',
    revenue: 'Revenue',
    change: 'Change',
    receipts: 'Receipts',
    averageReceipt: 'Average receipt',
    product: 'Product',
    category: 'Category',
    units: 'Quantity',
    share: 'Share',
  },
  lead: (revenue, change, way, kind) =>
    way === 'same'
      ? `Revenue is ${revenue}, as much as ${than[kind]}.`
      : `Revenue is ${revenue}, ${change} ${way} than ${than[kind]}.`,
  main: {
    revenue: (money) => `Revenue: **${money}**`,
    sales: (money) => `Sales before refunds: ${money}`,
    refunds: (money, share) => `Refunds: ${money} (${share} of sales)`,
    discounts: (money) => `Discounts: ${money}`,
    receipts: (count) => `Receipts: ${count}`,
    averageReceipt: (money) => `Average receipt: ${money}`,
    units: (count) => `Units sold: ${count}`,
  },
  comparisons: {
    previous_day: (from) => `The day before, ${from}`,
    previous_period: (from, to) => `The period before, ${from} to ${to}`,
    week_before: (from, to) =>
      from === to ? `A week before, ${from}` : `The same weekdays before, ${from} to ${to}`,
    average_of_7_days_before: (from, to) => `Average day of the week before, ${from} to ${to}`,
    same_weekday_average: (from, to) => `Usual for these weekdays, ${from} to ${to}`,
  },
  unusualDay: (fact) =>
    `${fact.date}: revenue ${fact.revenue}, far ${fact.direction === 'low' ? 'below' : 'above'} what is usual for that weekday (${fact.usual_revenue}, ${fact.change_percent}).`,
  unusualProduct: (fact) =>
    `“${fact.name}”: ${fact.units} sold, usually ${fact.usual_units}: clearly ${fact.direction === 'low' ? 'less' : 'more'} than ever.`,
  nothingUnusual: 'Nothing is far from usual.',
  recommendation(fact) {
    switch (fact.kind) {
      case 'low_day':
        return `Find out what happened on ${fact.date} (${fact.change_percent} against the usual): whether the place was open all day and all sales were sent.`;
      case 'high_day':
        return `Find out what helped on ${fact.date} (${fact.change_percent} against the usual) and repeat it; check the stock after such demand.`;
      case 'not_sold':
        return `Check stock and price of “${fact.product}”: ${fact.usual_units} are usual, that day it was ${fact.units}.`;
      case 'sold_less':
        return `Check stock, price and display of “${fact.product}”: ${fact.units} sold, ${fact.usual_units} are usual.`;
      case 'sold_more':
        return `Refill the stock of “${fact.product}”: ${fact.units} sold, ${fact.usual_units} are usual.`;
      case 'refunds':
        return `Look into the reasons for refunds: ${fact.refunds}, which is ${fact.refunds_percent} of sales.`;
      case 'smaller_receipts':
        return `The average receipt of ${fact.average_receipt} is smaller than usual (${fact.change_percent}): offer extras and sets.`;
      case 'fewer_receipts':
        return `There are ${fact.receipts} receipts, fewer than usual (${fact.change_percent}): think of what draws customers on such days.`;
      case 'one_category':
        return `The category “${fact.category}” makes ${fact.share_percent} of revenue: grow others too, so as not to depend on it alone.`;
      case 'keep_in_stock':
        return `Keep “${fact.product}” in stock at all times: it makes ${fact.share_percent} of revenue.`;
    }
  },
  fallback:
    'The text was put together by the program from the facts: the model gave none that could be used.',
};
