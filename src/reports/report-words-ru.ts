import type { ComparisonKind } from './report-facts.ts';
import type { Words } from './report-words.ts';

const than: Record<ComparisonKind, string> = {
  previous_day: 'днём раньше',
  previous_period: 'в предыдущем периоде',
  week_before: 'в те же дни недели раньше',
  average_of_7_days_before: 'в среднем за неделю до этого',
  same_weekday_average: 'обычно в такие дни недели',
};

export const ruWords: Words = {
  title: (period) => `Отчёт о продажах: ${period}`,
  allPlaces: 'Все точки вместе.',
  place: (name) => `Точка: «${name}».`,
  basis: {
    itemised: 'По отдельным продажам; выручка за вычетом возвратов.',
    declared: 'По дневным файлам с итогами; чеков они не называют.',
  },
  unfinished: 'Последний день ещё не закончен, поэтому сравнения с полными днями предварительные.',
  nothingSold: 'За этот период продаж нет.',
  headings: {
    main: 'Главное',
    comparisons: 'Сравнение',
    topByMoney: 'Лидеры по выручке',
    topByUnits: 'Лидеры по количеству',
    categories: 'Категории',
    unusual: 'Необычное',
    recommendations: 'Рекомендации',
  },
  columns: {
    comparedWith: 'С чем сравниваем',
    revenue: 'Выручка',
    change: 'Изменение',
    receipts: 'Чеки',
    averageReceipt: 'Средний чек',
    product: 'Товар',
    category: 'Категория',
    units: 'Количество',
    share: 'Доля',
  },
  lead: (revenue, change, way, kind) =>
    way === 'same'
      ? `Выручка ${revenue}: столько же, сколько ${than[kind]}.`
      : `Выручка ${revenue}: на ${change} ${way === 'more' ? 'больше' : 'меньше'}, чем ${than[kind]}.`,
  main: {
    revenue: (money) => `Выручка: **${money}**`,
    sales: (money) => `Продажи до возвратов: ${money}`,
    refunds: (money, share) => `Возвраты: ${money} (${share} от продаж)`,
    discounts: (money) => `Скидки: ${money}`,
    receipts: (count) => `Чеков: ${count}`,
    averageReceipt: (money) => `Средний чек: ${money}`,
    units: (count) => `Продано единиц товара: ${count}`,
  },
  comparisons: {
    previous_day: (from) => `Предыдущий день, ${from}`,
    previous_period: (from, to) => `Предыдущий период, ${from}–${to}`,
    week_before: (from, to) =>
      from === to ? `Неделей раньше, ${from}` : `Те же дни недели раньше, ${from}–${to}`,
    average_of_7_days_before: (from, to) => `Средний день прошлой недели, ${from}–${to}`,
    same_weekday_average: (from, to) => `Обычно в такие дни недели, ${from}–${to}`,
  },
  unusualDay: (fact) =>
    `${fact.date}: выручка ${fact.revenue} — намного ${fact.direction === 'low' ? 'ниже' : 'выше'} обычной для этого дня недели (${fact.usual_revenue}, ${fact.change_percent}).`,
  unusualProduct: (fact) =>
    `«${fact.name}»: продано ${fact.units}, обычно ${fact.usual_units} — заметно ${fact.direction === 'low' ? 'меньше' : 'больше'}, чем всегда.`,
  nothingUnusual: 'Резких отклонений от обычного нет.',
  recommendation(fact) {
    switch (fact.kind) {
      case 'low_day':
        return `Выясните, что случилось ${fact.date} (${fact.change_percent} к обычному): работала ли точка весь день и все ли продажи переданы.`;
      case 'high_day':
        return `Разберите, что помогло ${fact.date} (${fact.change_percent} к обычному), и повторите это; проверьте запасы после такого спроса.`;
      case 'not_sold':
        return `Проверьте наличие и цену «${fact.product}»: обычно продаётся ${fact.usual_units}, а в этот день — ${fact.units}.`;
      case 'sold_less':
        return `Проверьте наличие, цену и выкладку «${fact.product}»: продано ${fact.units}, обычно ${fact.usual_units}.`;
      case 'sold_more':
        return `Пополните запас «${fact.product}»: продано ${fact.units}, обычно ${fact.usual_units}.`;
      case 'refunds':
        return `Разберите причины возвратов: ${fact.refunds}, это ${fact.refunds_percent} от продаж.`;
      case 'smaller_receipts':
        return `Средний чек ${fact.average_receipt} меньше обычного (${fact.change_percent}): предлагайте дополнения и наборы.`;
      case 'fewer_receipts':
        return `Чеков ${fact.receipts}, меньше обычного (${fact.change_percent}): подумайте, чем привлечь покупателей в такие дни.`;
      case 'one_category':
        return `Категория «${fact.category}» даёт ${fact.share_percent} выручки: развивайте и другие, чтобы не зависеть от неё одной.`;
      case 'keep_in_stock':
        return `Следите, чтобы «${fact.product}» всегда был в наличии: он даёт ${fact.share_percent} выручки.`;
    }
  },
  fallback: 'Текст составлен программой по фактам: модель не дала пригодного.',
};
