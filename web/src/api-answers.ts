/**
 * The bodies of the REST API, made from its description by scripts/write-api-types.ts:
 * UPDATE=1 node --test test/http/docs.test.ts
 */

export type DeleteAlertRulesIdAnswer = {
  rule_id: number;
  name: string;
  kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
  metric: string;
  scope: "each_place" | "all_places";
  place_id: string | null;
  product_id: string | null;
  category: string | null;
  currency: string | null;
  window_minutes: number;
  below: number | null;
  above: number | null;
  weeks: number;
  sensitivity: number;
  cooldown_minutes: number;
  channels: string[];
  language: "en" | "ru";
  muted_until: string | null;
  enabled: boolean;
  created_at: string;
  updated_at: string;
};

export type DeleteChannelsIdAnswer = {
  channel_id: string;
  kind: "webhook" | "email" | "telegram" | "slack";
  url?: string;
  to?: string[];
  from?: string | null;
  chat_id?: string;
  /** of Slack: where its secret address leads */
  host?: string;
  language: "ru" | "en";
  enabled: boolean;
  has_secret: boolean;
  /** why it was switched off by itself */
  disabled_reason: string | null;
  /** since when nothing comes through */
  failing_since: string | null;
  last_error: string | null;
  last_delivered_at: string | null;
  /** deliveries that are not sent yet */
  waiting: number;
  created_at: string;
  updated_at: string;
};

export type DeleteCustomersIdAnswer = {
  erasure_id: number;
  /** takes the id out of the journal; null where it was asked for before */
  job_id: string | null;
};

export type DeleteTagRulesIdAnswer = {
  rule_id: number;
  tag: string;
  scope: string;
  match: string;
  metric: string;
  threshold: number;
  window_days: number | null;
  sticky: boolean;
  currency: string | null;
  /** every customer there was has been asked */
  is_applied: boolean;
  created_at: string;
  updated_at: string;
  job_id: string | null;
};

export type DeleteTokensIdAnswer = {
  token_id: string;
  name: string;
  roles: ("admin" | "collector" | "analyst" | "marketer" | "operator")[];
  place_id: string | null;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
};

export type GetAlertRulesAnswer = {
  results: ({
    rule_id: number;
    name: string;
    kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
    metric: string;
    scope: "each_place" | "all_places";
    place_id: string | null;
    product_id: string | null;
    category: string | null;
    currency: string | null;
    window_minutes: number;
    below: number | null;
    above: number | null;
    weeks: number;
    sensitivity: number;
    cooldown_minutes: number;
    channels: string[];
    language: "en" | "ru";
    muted_until: string | null;
    enabled: boolean;
    created_at: string;
    updated_at: string;
  })[];
  next_cursor: string | null;
};

export type GetAlertRulesIdAnswer = {
  rule_id: number;
  name: string;
  kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
  metric: string;
  scope: "each_place" | "all_places";
  place_id: string | null;
  product_id: string | null;
  category: string | null;
  currency: string | null;
  window_minutes: number;
  below: number | null;
  above: number | null;
  weeks: number;
  sensitivity: number;
  cooldown_minutes: number;
  channels: string[];
  language: "en" | "ru";
  muted_until: string | null;
  enabled: boolean;
  created_at: string;
  updated_at: string;
};

export type GetAlertsAnswer = {
  results: ({
    id: number;
    rule_id: number;
    rule_name: string;
    kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
    metric: string;
    place_id: string | null;
    place_name: string | null;
    product_id: string | null;
    category: string | null;
    currency: string | null;
    value: number;
    baseline: number | null;
    threshold: number | null;
    window: {
      from: string;
      to: string;
    };
    explanation: {
      text: string;
      drivers: ({
        kind: "receipts" | "average_receipt" | "product" | "place" | "refund";
        id?: string;
        name?: string;
        value: number;
        baseline: number | null;
        /** its part of the difference between value and baseline */
        change: number;
      })[];
    };
    fired_at: string;
    resolved_at: string | null;
    state: "firing" | "resolved";
    channels: string[];
  })[];
  next_cursor: string | null;
};

export type GetAlertsIdAnswer = {
  id: number;
  rule_id: number;
  rule_name: string;
  kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
  metric: string;
  place_id: string | null;
  place_name: string | null;
  product_id: string | null;
  category: string | null;
  currency: string | null;
  value: number;
  baseline: number | null;
  threshold: number | null;
  window: {
    from: string;
    to: string;
  };
  explanation: {
    text: string;
    drivers: ({
      kind: "receipts" | "average_receipt" | "product" | "place" | "refund";
      id?: string;
      name?: string;
      value: number;
      baseline: number | null;
      /** its part of the difference between value and baseline */
      change: number;
    })[];
  };
  fired_at: string;
  resolved_at: string | null;
  state: "firing" | "resolved";
  channels: string[];
};

export type GetAnalyticsAnswer = {
  results: ({
    place_id: string;
    place_name: string;
    currency: string;
    total_purchases: number;
    average_receipt: number | null;
    refunds: number;
    net: number;
    taxes_amount: {
      total_nds: number;
      total_tips: number;
    };
    category_analytics: Record<string, {
      total_spent: number;
      average_receipt: number | null;
    }>;
  })[];
  next_cursor: null;
  /** with at: when the snapshot was taken that answers */
  reported_at?: string;
  /** only in an answer from a replica: everything committed before is in it */
  as_of?: string;
};

export type GetAnalyticsChangesAnswer = {
  date: string;
  /** the snapshot that reported the day; null before the first */
  since: string | null;
  /** net of what changed, of all pages together */
  totals: ({
    place_id: string;
    source: string;
    currency: string;
    reported: number;
    difference: number;
    now: number;
  })[];
  results: ({
    /** in the journal */
    position: string;
    received_at: string;
    source: string;
    source_id: string | null;
    place_id: string;
    currency: string;
    verdict: string;
    /** one of late, corrected, cancelled, refund, reattributed */
    reason: string;
    /** what the sale counted for on that day */
    before: {
      sales: number;
      refunds: number;
      net: number;
      receipts: number;
      refund_receipts: number;
    } | null;
    after: {
      sales: number;
      refunds: number;
      net: number;
      receipts: number;
      refund_receipts: number;
    } | null;
    /** of net */
    difference: number;
    moved_from: {
      place_id: string;
      date: string;
    } | null;
    moved_to: {
      place_id: string;
      date: string;
    } | null;
  })[];
  next_cursor: string | null;
  /** only in an answer from a replica: everything committed before is in it */
  as_of?: string;
};

export type GetAnalyticsPopularityAnswer = {
  by: string;
  /** day, week, month, year or all */
  period: string;
  from: string | null;
  to: string | null;
  /** customers of what arrived until then are counted */
  as_of: string;
  /** all orders of the period */
  orders: number;
  /** all customers with an order in the period */
  customers: number;
  rows: ({
    category?: string;
    product_id?: string;
    product_name?: string | null;
    orders: number;
    orders_share: number | null;
    customers: number;
    customers_share: number | null;
  })[];
  next_cursor: null;
};

export type GetAnalyticsPulseAnswer = {
  from: string;
  to: string;
  slot_minutes: number;
  rows: ({
    /** when the five minutes begin */
    at: string;
    currency: string;
    sales: number;
    refunds: number;
    net: number;
    receipts: number;
  })[];
  next_cursor: null;
};

export type GetAnalyticsReconciliationAnswer = {
  date: string;
  totals: ({
    currency: string;
    declared_units: number;
    itemised_units: number;
    units_difference: number;
    declared_amount: number;
    itemised_amount: number;
    amount_difference: number;
  })[];
  rows: ({
    place_id: string;
    place_name: string;
    product_id: string;
    product_name: string;
    currency: string;
    declared_units: number;
    itemised_units: number;
    units_difference: number;
    declared_amount: number;
    itemised_amount: number;
    amount_difference: number;
  })[];
  next_cursor: string | null;
  /** only in an answer from a replica: everything committed before is in it */
  as_of?: string;
};

export type GetAnalyticsSalesAnswer = {
  granularity: string;
  group_by: string[];
  from: string | null;
  to: string | null;
  /** the base period; while the one asked for runs, cut at the same local time */
  compare?: {
    kind: string;
    from: string;
    to: string;
    cut_at: string | null;
    same_places?: string[];
  };
  rows: ({
    period?: string;
    group?: string;
    place_id?: string;
    place_name?: string;
    product_id?: string;
    product_name?: string;
    category?: string;
    payment_method?: string;
    source?: string;
    currency: string;
    sales: number;
    refunds: number;
    net: number;
    discounts: number;
    receipts: number | null;
    units: number;
    average_receipt: number | null;
    nds?: number;
    tips?: number;
    refund_receipts?: number;
    previous?: {
      sales: number;
      refunds: number;
      net: number;
      discounts: number;
      receipts: number | null;
      units: number;
      average_receipt: number | null;
      nds?: number;
      tips?: number;
      refund_receipts?: number;
    } | null;
    change_percent?: Record<string, number | null>;
  })[];
  next_cursor: string | null;
  /** only in an answer from a replica: everything committed before is in it */
  as_of?: string;
};

export type GetAuditsAnswer = {
  results: ({
    audit_id: number;
    started_at: string;
    finished_at: string;
    /** a place and a business date each */
    days: number;
    /** computed afresh from their documents */
    sales: number;
    /** touched too, left for the next audit */
    waiting_days: number;
    /** false where there is more wrong than is told one by one */
    complete: boolean;
    differences: ({
      table: string;
      key: string;
      figure: string;
      expected: string;
      found: string;
    })[];
  })[];
  next_cursor: string | null;
};

export type GetChannelsAnswer = {
  results: ({
    channel_id: string;
    kind: "webhook" | "email" | "telegram" | "slack";
    url?: string;
    to?: string[];
    from?: string | null;
    chat_id?: string;
    /** of Slack: where its secret address leads */
    host?: string;
    language: "ru" | "en";
    enabled: boolean;
    has_secret: boolean;
    /** why it was switched off by itself */
    disabled_reason: string | null;
    /** since when nothing comes through */
    failing_since: string | null;
    last_error: string | null;
    last_delivered_at: string | null;
    /** deliveries that are not sent yet */
    waiting: number;
    created_at: string;
    updated_at: string;
  })[];
  next_cursor: string | null;
};

export type GetChannelsIdAnswer = {
  channel_id: string;
  kind: "webhook" | "email" | "telegram" | "slack";
  url?: string;
  to?: string[];
  from?: string | null;
  chat_id?: string;
  /** of Slack: where its secret address leads */
  host?: string;
  language: "ru" | "en";
  enabled: boolean;
  has_secret: boolean;
  /** why it was switched off by itself */
  disabled_reason: string | null;
  /** since when nothing comes through */
  failing_since: string | null;
  last_error: string | null;
  last_delivered_at: string | null;
  /** deliveries that are not sent yet */
  waiting: number;
  created_at: string;
  updated_at: string;
};

export type GetChecksIdAnswer = {
  transaction_id: string;
  place_id: string;
  status: string;
  business_date: string;
  revision: number;
  currency: string | null;
  document: unknown;
  history: ({
    position: string;
    verdict: string;
    received_at: string;
    revision: number | null;
    problems: ({
      pointer: string;
      code: string;
      message: string;
    })[];
    seen_count: number;
    total_change: number;
  })[];
  /** of what arrived before, the history has only how the sale stood then */
  sealed_before: string | null;
};

export type GetCustomersAnswer = {
  results: ({
    customer_id: string;
    customer_name: string | null;
    tags: string[];
    counters: ({
      currency: string;
      orders: number;
      units: number;
      spent: number;
    })[];
  })[];
  next_cursor: string | null;
  /** only in an answer from a replica: everything committed before is in it */
  as_of?: string;
};

export type GetCustomersIdAnswer = {
  customer_id: string;
  user_id: string;
  customer_name: string | null;
  /** what arrived until then is counted */
  as_of: string;
  counters: ({
    currency: string;
    orders: number;
    units: number;
    spent: number;
  })[];
  categories: ({
    category_id: string;
    category: string;
    currency: string;
    orders: number;
    units: number;
    spent: number;
  })[];
  products: ({
    product_id: string;
    product_name: string | null;
    currency: string;
    orders: number;
    units: number;
    spent: number;
  })[];
  tags: ({
    tag: string;
    rule_id: number;
    metric: string;
    value: number;
    /** the sale that decided; none where a rule was applied to all */
    sale: {
      source: string;
      id: string;
    } | null;
    decided_at: string;
  })[];
  last_sales: ({
    source: string;
    id: string;
    place_id: string;
    business_date: string;
    at: string;
    type: string;
    currency: string;
    total: number;
  })[];
};

export type GetDailySalesAnswer = {
  results: ({
    place_id: string;
    date: string;
    currency: string;
    received_at: string;
    /** how often the file was replaced by another */
    replacements: number;
    product_count: number;
    total_amount: number;
    /** a file that is longer than a page goes on in the next one, under the same place and date */
    products: ({
      id: string;
      name: string;
      quantity: number;
      price: number;
      category: string;
      amount: number;
    })[];
  })[];
  next_cursor: string | null;
};

export type GetDailySalesDateAnswer = {
  results: ({
    place_id: string;
    date: string;
    currency: string;
    received_at: string;
    /** how often the file was replaced by another */
    replacements: number;
    product_count: number;
    total_amount: number;
    /** a file that is longer than a page goes on in the next one, under the same place and date */
    products: ({
      id: string;
      name: string;
      quantity: number;
      price: number;
      category: string;
      amount: number;
    })[];
  })[];
  next_cursor: string | null;
};

export type GetDeliveriesAnswer = {
  results: ({
    delivery_id: number;
    channel_id: string;
    /** null where the channel is gone */
    kind: string | null;
    event_id: string;
    event: string;
    /** skipped where its channel is off or gone */
    state: "waiting" | "delivered" | "failed" | "skipped";
    attempt_count: number;
    next_try_at: string | null;
    last_error: string | null;
    event_at: string;
    created_at: string;
    ended_at: string | null;
  })[];
  next_cursor: string | null;
};

export type GetDeliveriesIdAnswer = {
  delivery_id: number;
  channel_id: string;
  /** null where the channel is gone */
  kind: string | null;
  event_id: string;
  event: string;
  /** skipped where its channel is off or gone */
  state: "waiting" | "delivered" | "failed" | "skipped";
  attempt_count: number;
  next_try_at: string | null;
  last_error: string | null;
  event_at: string;
  created_at: string;
  ended_at: string | null;
  /** the webhook-id under which it is sent each time */
  message_id: string;
  /** the event */
  payload: Record<string, unknown>;
  attempts: ({
    attempt: number;
    started_at: string;
    duration_ms: number | null;
    /** delivered, retry, failed, stopped (the notifier ended); null while it is made, or nobody saw its end */
    outcome: string | null;
    /** of HTTP or SMTP */
    status: number | null;
    error: string | null;
  })[];
};

export type GetHealthAnswer = {
  at: string;
  last_sale_at: string | null;
  /** behind the slower of fold and customers */
  loading_waits_at_rows: number;
  followers: ({
    /** fold, customers or vault */
    follower: string;
    /** journal rows, counted no further than 100000 */
    waiting_rows: number;
    moved_at: string;
  })[];
  held_by: null | {
    application_name: string;
    pid: number | null;
    state: string;
    seconds: number;
  };
  loading: null | {
    batches: number;
    mean_ms: number;
    p95_ms: number | null;
  };
  database_bytes: number;
  audit: {
    last_at: string | null;
    waiting_days: number;
    /** found in the last of_days days */
    differences: number;
    of_days: number;
  };
};

export type GetHealthzAnswer = {
  status: "ok";
};

export type GetJobsAnswer = {
  results: ({
    id: string;
    queue: string;
    state: "created" | "retry" | "active" | "completed" | "cancelled" | "failed";
    data: Record<string, unknown> | null;
    attempts: number;
    progress: Record<string, unknown> | null;
    error: string | null;
    result: Record<string, unknown> | null;
    created_at: string;
    started_at: string | null;
    ended_at: string | null;
    next_try_at: string | null;
  })[];
  schedules: ({
    queue: string;
    cron: string;
    time_zone: string;
    next_run: string;
  })[];
  next_cursor: string | null;
};

export type GetJobsIdAnswer = {
  id: string;
  queue: string;
  state: "created" | "retry" | "active" | "completed" | "cancelled" | "failed";
  data: Record<string, unknown> | null;
  attempts: number;
  progress: Record<string, unknown> | null;
  error: string | null;
  result: Record<string, unknown> | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  next_try_at: string | null;
};

export type GetJournalAnswer = {
  results: ({
    position: string;
    received_at: string;
    source: string;
    transaction_id: string | null;
    verdict: string;
    place_id: string | null;
    problems: ({
      pointer: string;
      code: string;
      message: string;
    })[];
    seen_count: number;
    last_seen_at: string;
    replay_of: string | null;
  })[];
  next_cursor: string | null;
  /** of what arrived before, only each sale as it stood then is found; the rest was let go */
  sealed_before: string | null;
};

export type GetJournalPositionAnswer = {
  position: string;
  verdict: string;
  source: string;
  place_id: string | null;
  content_type: string;
  document: unknown;
  text: string | null;
  transaction_id: string | null;
  received_at: string;
  problems: ({
    pointer: string;
    code: string;
    message: string;
  })[];
  replay_of: string | null;
  /** it may be loaded again */
  replayable: boolean;
};

export type GetMetricsAnswer = string;

export type GetOrdersIdAnswer = {
  transaction_id: string;
  place_id: string;
  status: string;
  business_date: string;
  /** update_ts, sent_dttm, number of statuses, rank of the status */
  version: string;
  currency: string | null;
  document: unknown;
  history: ({
    position: string;
    verdict: string;
    received_at: string;
    version: string | null;
    problems: ({
      pointer: string;
      code: string;
      message: string;
    })[];
    seen_count: number;
    total_change: number;
  })[];
  /** of what arrived before, the history has only how the sale stood then */
  sealed_before: string | null;
};

export type GetPlacesAnswer = {
  results: ({
    place_id: string;
    place_name: string;
    time_zone: string;
    currency: string;
    business_day_start: string;
    groups: string[];
  })[];
  next_cursor: string | null;
};

export type GetProductsAnswer = {
  results: ({
    product_id: string;
    name?: string;
    /** the category it counts for */
    category?: string;
    price?: number;
  })[];
  next_cursor: string | null;
};

export type GetProductsIdAnswer = {
  product_id: string;
  name?: string;
  /** the category it counts for */
  category?: string;
  price?: number;
} & {
  history: ({
    reference_version: number;
    /** null: since the beginning */
    since: string | null;
    changed_at: string;
    fields: Record<string, unknown>;
  })[];
};

export type GetReadyzAnswer = {
  ready: boolean;
  checks: Record<string, string>;
};

export type GetReferenceRestaurantsAnswer = {
  results: ({
    _id: string;
    name?: string;
    menu?: ({
      /** the dish, as orders of the restaurant name it */
      _id: string;
      name?: string;
      price?: number;
      /** the category it counts for */
      category?: string;
    })[];
  })[];
  next_cursor: string | null;
};

export type GetReferenceRestaurantsIdAnswer = {
  _id: string;
  name?: string;
  menu?: ({
    /** the dish, as orders of the restaurant name it */
    _id: string;
    name?: string;
    price?: number;
    /** the category it counts for */
    category?: string;
  })[];
} & {
  history: ({
    reference_version: number;
    /** null: since the beginning */
    since: string | null;
    changed_at: string;
    fields: Record<string, unknown>;
  })[];
};

export type GetReferenceUsersAnswer = {
  results: ({
    _id: string;
    name?: string;
    /** their login */
    login?: string;
  })[];
  next_cursor: string | null;
};

export type GetReferenceUsersIdAnswer = {
  _id: string;
  name?: string;
  /** their login */
  login?: string;
} & {
  history: ({
    reference_version: number;
    /** null: since the beginning */
    since: string | null;
    changed_at: string;
    fields: Record<string, unknown>;
  })[];
};

export type GetReportsAnswer = {
  results: ({
    id: number;
    /** midnight UTC of the first day */
    date: string;
    /** first business date */
    from: string;
    /** last business date, included */
    to: string;
    /** null: all places together */
    place_id: string | null;
    language: "ru" | "en";
    /** of single sales, or of what daily files declare; null until it is known */
    basis: "itemised" | "declared" | null;
    origin: "daily_file" | "request" | "schedule";
    job_id: string | null;
    status: "queued" | "writing" | "done";
    /** what a model is told; the facts go beside it */
    start_prompt: string;
    facts: {
      from: string;
      to: string;
      days: number;
      place: string | null;
      basis: "itemised" | "declared";
      is_unfinished: boolean;
      currencies: ({
        currency: string;
        /** net of refunds */
        revenue: number;
        sales: number;
        refunds: number;
        refunds_percent: number | null;
        discounts: number;
        units: number;
        receipts: number | null;
        average_receipt: number | null;
        comparisons: ({
          /** previous_day or previous_period, week_before, average_of_7_days_before, same_weekday_average */
          kind: string;
          from: string;
          to: string;
          days: number;
          weeks: number | null;
          revenue: number;
          receipts: number | null;
          average_receipt: number | null;
          revenue_difference: number;
          revenue_change_percent: number | null;
          receipts_change_percent: number | null;
          average_receipt_change_percent: number | null;
        })[];
        top_by_money: ({
          name: string;
          units: number;
          revenue: number;
          share_percent: number | null;
        })[];
        top_by_units: ({
          name: string;
          units: number;
          revenue: number;
          share_percent: number | null;
        })[];
        categories: ({
          category: string;
          units: number;
          revenue: number;
          share_percent: number | null;
        })[];
        unusual_days: (Record<string, unknown>)[];
        unusual_products: (Record<string, unknown>)[];
        recommendations: (Record<string, unknown>)[];
      })[];
    } | null;
    /** Markdown; null until it is final */
    report: string | null;
    /** which wrote the text; null where the program did */
    model: string | null;
    /** why the program wrote it although a model was asked: invented_numbers, refused, unavailable, rate_limited, timeout, truncated, model_error */
    fallback: string | null;
    /** how often a model was asked */
    attempts: number;
    tokens: {
      prompt: number | null;
      completion: number | null;
    };
    create_date: string;
    update_date: string;
  })[];
  next_cursor: string | null;
};

export type GetReportsIdAnswer = {
  id: number;
  /** midnight UTC of the first day */
  date: string;
  /** first business date */
  from: string;
  /** last business date, included */
  to: string;
  /** null: all places together */
  place_id: string | null;
  language: "ru" | "en";
  /** of single sales, or of what daily files declare; null until it is known */
  basis: "itemised" | "declared" | null;
  origin: "daily_file" | "request" | "schedule";
  job_id: string | null;
  status: "queued" | "writing" | "done";
  /** what a model is told; the facts go beside it */
  start_prompt: string;
  facts: {
    from: string;
    to: string;
    days: number;
    place: string | null;
    basis: "itemised" | "declared";
    is_unfinished: boolean;
    currencies: ({
      currency: string;
      /** net of refunds */
      revenue: number;
      sales: number;
      refunds: number;
      refunds_percent: number | null;
      discounts: number;
      units: number;
      receipts: number | null;
      average_receipt: number | null;
      comparisons: ({
        /** previous_day or previous_period, week_before, average_of_7_days_before, same_weekday_average */
        kind: string;
        from: string;
        to: string;
        days: number;
        weeks: number | null;
        revenue: number;
        receipts: number | null;
        average_receipt: number | null;
        revenue_difference: number;
        revenue_change_percent: number | null;
        receipts_change_percent: number | null;
        average_receipt_change_percent: number | null;
      })[];
      top_by_money: ({
        name: string;
        units: number;
        revenue: number;
        share_percent: number | null;
      })[];
      top_by_units: ({
        name: string;
        units: number;
        revenue: number;
        share_percent: number | null;
      })[];
      categories: ({
        category: string;
        units: number;
        revenue: number;
        share_percent: number | null;
      })[];
      unusual_days: (Record<string, unknown>)[];
      unusual_products: (Record<string, unknown>)[];
      recommendations: (Record<string, unknown>)[];
    })[];
  } | null;
  /** Markdown; null until it is final */
  report: string | null;
  /** which wrote the text; null where the program did */
  model: string | null;
  /** why the program wrote it although a model was asked: invented_numbers, refused, unavailable, rate_limited, timeout, truncated, model_error */
  fallback: string | null;
  /** how often a model was asked */
  attempts: number;
  tokens: {
    prompt: number | null;
    completion: number | null;
  };
  create_date: string;
  update_date: string;
};

export type GetStreamAnswer = {
  /** when the figures were read; whatever the marts held then is in them */
  at: string;
  places: ({
    place_id: string;
    place_name: string;
    currency: string;
    /** the current one of the place */
    business_date: string;
    sales: number;
    refunds: number;
    net: number;
    discounts: number;
    receipts: number;
    units: number;
    average_receipt: number | null;
    nds: number;
    tips: number;
  })[];
};

export type GetTagRulesAnswer = {
  results: ({
    rule_id: number;
    tag: string;
    scope: string;
    match: string;
    metric: string;
    threshold: number;
    window_days: number | null;
    sticky: boolean;
    currency: string | null;
    /** every customer there was has been asked */
    is_applied: boolean;
    created_at: string;
    updated_at: string;
  })[];
  next_cursor: string | null;
};

export type GetTagRulesIdAnswer = {
  rule_id: number;
  tag: string;
  scope: string;
  match: string;
  metric: string;
  threshold: number;
  window_days: number | null;
  sticky: boolean;
  currency: string | null;
  /** every customer there was has been asked */
  is_applied: boolean;
  created_at: string;
  updated_at: string;
};

export type GetTokensAnswer = {
  results: ({
    token_id: string;
    name: string;
    roles: ("admin" | "collector" | "analyst" | "marketer" | "operator")[];
    place_id: string | null;
    created_at: string;
    expires_at: string | null;
    revoked_at: string | null;
  })[];
  next_cursor: string | null;
};

export type GetTokensCurrentAnswer = {
  token_id: string;
  name: string;
  roles: ("admin" | "collector" | "analyst" | "marketer" | "operator")[];
  place_id: string | null;
};

export type GetTransactionsIdAnswer = {
  transaction_id: string;
  place_id: string;
  status: string;
  business_date: string;
  revision: number;
  currency: string | null;
  document: unknown;
  history: ({
    position: string;
    verdict: string;
    received_at: string;
    revision: number | null;
    problems: ({
      pointer: string;
      code: string;
      message: string;
    })[];
    seen_count: number;
    total_change: number;
  })[];
  /** of what arrived before, the history has only how the sale stood then */
  sealed_before: string | null;
};

export type PostAnswer = {
  place_id: string;
  date: string;
  /** accepted, corrected (another file of the day was replaced) or duplicate (nothing changed) */
  status: string;
  /** of the report that is written about the file: GET /api/reports/{id} */
  report_id: number | null;
  /** of the job that writes it */
  job_id: string | null;
};

export type PostAlertRulesBody = {
  name: string;
  kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
  /** threshold and change: sales, refunds, net, discounts, receipts, refund_receipts, units, average_receipt, nds or tips; refunds: refund_amount or refund_rate; lag: lag, stream_lag or fold_lag */
  metric?: string | null;
  /** without place_id: each place for itself (as where it is left out), or all together */
  scope?: "each_place" | "all_places" | null;
  /** one place; without it the rule holds for each */
  place_id?: string | null;
  /** one product */
  product_id?: string | null;
  /** one category */
  category?: string | null;
  /** of a metric in money; without it each currency is judged by itself */
  currency?: string | null;
  /** multiples of 5 for a place, of 60 for a category, of 1440 for a product */
  window_minutes?: number | null;
  /** fires while the figure is lower; of a change the percent, -30 being a drop by 30 % */
  below?: number | null;
  /** fires while the figure is higher; of a change the percent; of a lag seconds */
  above?: number | null;
  /** change and silence: how many past weeks are looked at, 6 where left out */
  weeks?: number | null;
  /** change: how many times the usual spread it has to be off, 5 where left out */
  sensitivity?: number | null;
  /** the same thing does not fire again so long after it was resolved */
  cooldown_minutes?: number | null;
  channels?: string[] | null;
  /** of the explanation */
  language?: "en" | "ru" | null;
  /** nothing fires before, RFC 3339 */
  muted_until?: string | null;
  enabled?: boolean | null;
};

export type PostAlertRulesAnswer = {
  rule_id: number;
  name: string;
  kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
  metric: string;
  scope: "each_place" | "all_places";
  place_id: string | null;
  product_id: string | null;
  category: string | null;
  currency: string | null;
  window_minutes: number;
  below: number | null;
  above: number | null;
  weeks: number;
  sensitivity: number;
  cooldown_minutes: number;
  channels: string[];
  language: "en" | "ru";
  muted_until: string | null;
  enabled: boolean;
  created_at: string;
  updated_at: string;
};

export type PostAlertRulesPreviewBody = {
  name: string;
  kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
  /** threshold and change: sales, refunds, net, discounts, receipts, refund_receipts, units, average_receipt, nds or tips; refunds: refund_amount or refund_rate; lag: lag, stream_lag or fold_lag */
  metric?: string | null;
  /** without place_id: each place for itself (as where it is left out), or all together */
  scope?: "each_place" | "all_places" | null;
  /** one place; without it the rule holds for each */
  place_id?: string | null;
  /** one product */
  product_id?: string | null;
  /** one category */
  category?: string | null;
  /** of a metric in money; without it each currency is judged by itself */
  currency?: string | null;
  /** multiples of 5 for a place, of 60 for a category, of 1440 for a product */
  window_minutes?: number | null;
  /** fires while the figure is lower; of a change the percent, -30 being a drop by 30 % */
  below?: number | null;
  /** fires while the figure is higher; of a change the percent; of a lag seconds */
  above?: number | null;
  /** change and silence: how many past weeks are looked at, 6 where left out */
  weeks?: number | null;
  /** change: how many times the usual spread it has to be off, 5 where left out */
  sensitivity?: number | null;
  /** the same thing does not fire again so long after it was resolved */
  cooldown_minutes?: number | null;
  channels?: string[] | null;
  /** of the explanation */
  language?: "en" | "ru" | null;
  /** nothing fires before, RFC 3339 */
  muted_until?: string | null;
  enabled?: boolean | null;
};

export type PostAlertRulesPreviewAnswer = {
  place_id: string | null;
  place_name: string | null;
  currency: string | null;
  /** of one place and currency: that with most alerts, else with the largest figures */
  series: ({
    at: string;
    value: number | null;
    baseline: number | null;
    lower: number | null;
    upper: number | null;
  })[];
  alerts: ({
    fired_at: string;
    resolved_at: string | null;
    place_id: string | null;
    place_name: string | null;
    currency: string | null;
    value: number;
    baseline: number | null;
    explanation: {
      text: string;
      drivers: ({
        kind: "receipts" | "average_receipt" | "product" | "place" | "refund";
        id?: string;
        name?: string;
        value: number;
        baseline: number | null;
        /** its part of the difference between value and baseline */
        change: number;
      })[];
    };
  })[];
};

export type PostAlertsIdMuteBody = {
  /** 0 ends it */
  minutes: number;
};

export type PostAlertsIdMuteAnswer = {
  rule_id: number;
  muted_until: string | null;
};

export type PostChannelsIdTestAnswer = {
  delivered: boolean;
  /** of HTTP or SMTP */
  status: number | null;
  error: string | null;
  duration_ms: number;
};

export type PostChecksBody = {
  /** unique among receipts (with IDENTITY=place: among those of the place) */
  transaction_id: string;
  /** ISO 8601; without offset it is read in the time zone of the place */
  timestamp: string;
  /** the place */
  place_id?: string;
  /** its name; the newest wins */
  place_name?: string;
  place?: {
    /** the place */
    place_id?: string;
    /** its name */
    place_name?: string;
  };
  /** tips, on top of the total */
  tips_amount?: number | string;
  /** given on the whole sale */
  discount_amount?: number | string;
  /** the customer */
  customer_id?: string;
  /** their name */
  customer_name?: string;
  /** ISO 4217; that of the place where it is not given */
  currency?: string;
  type?: "sale" | "refund";
  /** what a refund takes back */
  original_transaction_id?: string;
  /** a higher one corrects what was sent */
  revision?: number;
  items: ({
    /** the product */
    product_id: string;
    /** its name */
    name?: string;
    /** over 0, up to three decimals */
    quantity: number | string;
    /** of one unit */
    price: number | string;
    /** of the line; quantity × price, rounded half up, where it is not given */
    amount?: number | string;
    /** the category it counts for */
    category: string;
  })[];
  /** the lines less the discount */
  total_amount: number | string;
  /** VAT, inside the total */
  nds_amount: number | string;
  payment_method: string;
} | ({
  /** unique among receipts (with IDENTITY=place: among those of the place) */
  transaction_id: string;
  /** ISO 8601; without offset it is read in the time zone of the place */
  timestamp: string;
  /** the place */
  place_id?: string;
  /** its name; the newest wins */
  place_name?: string;
  place?: {
    /** the place */
    place_id?: string;
    /** its name */
    place_name?: string;
  };
  /** tips, on top of the total */
  tips_amount?: number | string;
  /** given on the whole sale */
  discount_amount?: number | string;
  /** the customer */
  customer_id?: string;
  /** their name */
  customer_name?: string;
  /** ISO 4217; that of the place where it is not given */
  currency?: string;
  type?: "sale" | "refund";
  /** what a refund takes back */
  original_transaction_id?: string;
  /** a higher one corrects what was sent */
  revision?: number;
  items: ({
    /** the product */
    product_id: string;
    /** its name */
    name?: string;
    /** over 0, up to three decimals */
    quantity: number | string;
    /** of one unit */
    price: number | string;
    /** of the line; quantity × price, rounded half up, where it is not given */
    amount?: number | string;
    /** the category it counts for */
    category: string;
  })[];
  /** the lines less the discount */
  total_amount: number | string;
  /** VAT, inside the total */
  nds_amount: number | string;
  payment_method: string;
})[];

export type PostChecksAnswer = {
  transaction_id: string;
  status: string;
  verdict?: string;
  errors?: ({
    pointer: string;
    code: string;
    message: string;
  })[];
} | {
  transaction_id: string;
  status: string;
  verdict?: string;
  errors?: ({
    pointer: string;
    code: string;
    message: string;
  })[];
} | {
  accepted: number;
  rejected: number;
  results: ({
    index: number;
    transaction_id: string | null;
    status: string;
    verdict?: string;
    errors?: ({
      pointer: string;
      code: string;
      message: string;
    })[];
  })[];
  /** counted, but too many to list; the journal has them */
  results_left_out?: number;
};

export type PostDailySalesAnswer = {
  place_id: string;
  date: string;
  /** accepted, corrected (another file of the day was replaced) or duplicate (nothing changed) */
  status: string;
  /** of the report that is written about the file: GET /api/reports/{id} */
  report_id: number | null;
  /** of the job that writes it */
  job_id: string | null;
};

export type PostDeliveriesIdResendAnswer = {
  delivery_id: number;
  channel_id: string;
  /** null where the channel is gone */
  kind: string | null;
  event_id: string;
  event: string;
  /** skipped where its channel is off or gone */
  state: "waiting" | "delivered" | "failed" | "skipped";
  attempt_count: number;
  next_try_at: string | null;
  last_error: string | null;
  event_at: string;
  created_at: string;
  ended_at: string | null;
  /** the webhook-id under which it is sent each time */
  message_id: string;
  /** the event */
  payload: Record<string, unknown>;
  attempts: ({
    attempt: number;
    started_at: string;
    duration_ms: number | null;
    /** delivered, retry, failed, stopped (the notifier ended); null while it is made, or nobody saw its end */
    outcome: string | null;
    /** of HTTP or SMTP */
    status: number | null;
    error: string | null;
  })[];
};

export type PostImportsCheckAnswer = {
  together: boolean;
};

export type PostImportsPartsAnswer = {
  head_bytes: number;
  /** of the part, head included; what is after them is sent again */
  done_bytes: number;
  next_line: number;
  documents: number;
  verdicts: Record<string, number>;
  troubles: ({
    line: number;
    /** how many of the file the document was made from */
    rows: number;
    transaction_id: string | null;
    verdict: "rejected" | "conflict";
    /** in the journal */
    position: string;
    errors: ({
      pointer: string;
      code: string;
      message: string;
    })[];
  })[];
};

export type PostImportsPreviewAnswer = {
  /** daily is for /api/daily-sales/, reference for /api/imports/reference */
  kind: "csv" | "ndjson" | "array" | "daily" | "reference";
  /** the mapping was suggested here */
  guessed: boolean;
  /** of a CSV file */
  mapping: unknown;
  /** what is wrong with it; then there are no documents */
  mapping_errors: string[];
  columns: ({
    /** those of other files as look-up.column */
    name: string;
    samples: string[];
  })[];
  /** how many bytes of the file every part begins with */
  head_bytes: number;
  documents: ({
    line: number;
    /** the text of the file where it makes no document */
    document: unknown;
    problems: ({
      pointer: string;
      code: string;
      message: string;
    })[];
    remarks: ({
      pointer: string;
      code: string;
      message: string;
    })[];
  })[];
};

export type PostImportsReferenceAnswer = {
  user: number;
  restaurant: number;
  /** of these; the others said what was known already */
  changed: number;
  rejected: number;
  troubles: ({
    line: number;
    reason: string;
  })[];
};

export type PostJobsBody = {
  queue: "snapshot" | "audit" | "retention" | "alerts";
};

export type PostJobsAnswer = {
  id: string;
  queue: string;
  state: "created" | "retry" | "active" | "completed" | "cancelled" | "failed";
  data: Record<string, unknown> | null;
  attempts: number;
  progress: Record<string, unknown> | null;
  error: string | null;
  result: Record<string, unknown> | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  next_try_at: string | null;
};

export type PostJobsIdRetryAnswer = {
  id: string;
  queue: string;
  state: "created" | "retry" | "active" | "completed" | "cancelled" | "failed";
  data: Record<string, unknown> | null;
  attempts: number;
  progress: Record<string, unknown> | null;
  error: string | null;
  result: Record<string, unknown> | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  next_try_at: string | null;
};

export type PostJournalPositionCheckBody = {
  document: unknown;
};

export type PostJournalPositionCheckAnswer = {
  valid: boolean;
  errors: ({
    pointer: string;
    code: string;
    message: string;
  })[];
};

export type PostJournalPositionReplayBody = {
  document?: unknown;
} | null;

export type PostJournalPositionReplayAnswer = {
  results: ({
    replay_of: string;
    position: string;
    verdict: string;
    errors?: ({
      pointer: string;
      code: string;
      message: string;
    })[];
  })[];
  next_cursor: null;
};

export type PostJournalReplayBody = {
  positions: string[];
};

export type PostJournalReplayAnswer = {
  results: ({
    replay_of: string;
    position: string;
    verdict: string;
    errors?: ({
      pointer: string;
      code: string;
      message: string;
    })[];
  })[];
  next_cursor: null;
};

export type PostOrdersBody = {
  /** the order; 7 and "7" are the same */
  object_id: string | number;
  /** order; messages of other types are kept, and not counted */
  object_type: string;
  /** when the message was sent; tells messages of one update_ts apart */
  sent_dttm?: string;
  payload: {
    restaurant?: {
      /** the place */
      id?: string;
    };
    /** ISO 8601; without offset it is read in the time zone of the restaurant */
    date: string;
    user?: {
      /** the customer */
      id?: string;
    };
    /** at least one in a closed order */
    order_items: ({
      /** the dish */
      id: string;
      /** its name */
      name?: string;
      /** of one portion */
      price: number | string;
      /** over 0, up to three decimals */
      quantity: number | string;
    })[];
    /** what the dishes cost; the sales of the order */
    cost: number | string;
    /** paid with bonuses; the discount of the order */
    bonus_payment?: number | string;
    /** what is left to pay: cost less bonus_payment */
    payment?: number | string;
    /** kept, and not counted */
    bonus_grant?: unknown;
    statuses?: ({
      status: string;
      /** when */
      dttm: string;
    })[];
    /** only CLOSED counts; CANCELLED takes back what counted */
    final_status: "OPEN" | "COOKING" | "DELIVERING" | "CLOSED" | "CANCELLED";
    /** the version of the order, read as UTC; a later message replaces an earlier one */
    update_ts: string;
    payment_method?: string;
    /** tips, on top of the cost; 0 where it is not given */
    tips_amount?: number | string;
    /** VAT, inside the cost; 0 where it is not given */
    nds_amount?: number | string;
    /** ISO 4217; that of the place where it is not given */
    currency?: string;
  };
} | ({
  /** the order; 7 and "7" are the same */
  object_id: string | number;
  /** order; messages of other types are kept, and not counted */
  object_type: string;
  /** when the message was sent; tells messages of one update_ts apart */
  sent_dttm?: string;
  payload: {
    restaurant?: {
      /** the place */
      id?: string;
    };
    /** ISO 8601; without offset it is read in the time zone of the restaurant */
    date: string;
    user?: {
      /** the customer */
      id?: string;
    };
    /** at least one in a closed order */
    order_items: ({
      /** the dish */
      id: string;
      /** its name */
      name?: string;
      /** of one portion */
      price: number | string;
      /** over 0, up to three decimals */
      quantity: number | string;
    })[];
    /** what the dishes cost; the sales of the order */
    cost: number | string;
    /** paid with bonuses; the discount of the order */
    bonus_payment?: number | string;
    /** what is left to pay: cost less bonus_payment */
    payment?: number | string;
    /** kept, and not counted */
    bonus_grant?: unknown;
    statuses?: ({
      status: string;
      /** when */
      dttm: string;
    })[];
    /** only CLOSED counts; CANCELLED takes back what counted */
    final_status: "OPEN" | "COOKING" | "DELIVERING" | "CLOSED" | "CANCELLED";
    /** the version of the order, read as UTC; a later message replaces an earlier one */
    update_ts: string;
    payment_method?: string;
    /** tips, on top of the cost; 0 where it is not given */
    tips_amount?: number | string;
    /** VAT, inside the cost; 0 where it is not given */
    nds_amount?: number | string;
    /** ISO 4217; that of the place where it is not given */
    currency?: string;
  };
})[];

export type PostOrdersAnswer = {
  transaction_id: string | null;
  status: string;
  verdict?: string;
  errors?: ({
    pointer: string;
    code: string;
    message: string;
  })[];
} | {
  transaction_id: string | null;
  status: string;
  verdict?: string;
  errors?: ({
    pointer: string;
    code: string;
    message: string;
  })[];
} | {
  accepted: number;
  rejected: number;
  results: ({
    index: number;
    transaction_id: string | null;
    status: string;
    verdict?: string;
    errors?: ({
      pointer: string;
      code: string;
      message: string;
    })[];
  })[];
  /** counted, but too many to list; the journal has them */
  results_left_out?: number;
};

export type PostProductsBulkBody = ({
  /** its id */
  product_id: string;
  name?: string;
  /** the category it counts for */
  category?: string;
  price?: number;
  /** from which local time of the sales it holds: a date, a date-time, "now" (default) or "beginning"; the first category of a product holds since the beginning in any case */
  since?: string;
})[];

export type PostProductsBulkAnswer = {
  changed: number;
  /** entries that say what is known already */
  unchanged: number;
  reference_version: number;
  /** the re-attribution of loaded sales */
  job_id: string | null;
};

export type PostReferenceRestaurantsBulkBody = ({
  /** its id */
  _id: string;
  name?: string;
  menu?: ({
    /** the dish, as orders of the restaurant name it */
    _id: string;
    name?: string;
    price?: number;
    /** the category it counts for */
    category?: string;
  })[];
  /** from which local time of the sales it holds: a date, a date-time, "now" (default) or "beginning"; the first category of a product holds since the beginning in any case */
  since?: string;
})[];

export type PostReferenceRestaurantsBulkAnswer = {
  changed: number;
  /** entries that say what is known already */
  unchanged: number;
  reference_version: number;
  /** the re-attribution of loaded sales */
  job_id: string | null;
};

export type PostReferenceUsersBulkBody = ({
  /** its id */
  _id: string;
  name?: string;
  /** their login */
  login?: string;
  /** from which local time of the sales it holds: a date, a date-time, "now" (default) or "beginning"; the first category of a product holds since the beginning in any case */
  since?: string;
})[];

export type PostReferenceUsersBulkAnswer = {
  changed: number;
  /** entries that say what is known already */
  unchanged: number;
  reference_version: number;
  /** the re-attribution of loaded sales */
  job_id: string | null;
};

export type PostReportsBody = {
  /** one business date, 2024-01-31 */
  date?: string;
  /** first business date */
  from?: string;
  /** last business date, included; up to 366 days */
  to?: string;
  /** all places together where it is left out */
  place_id?: string | null;
  language?: "ru" | "en";
  /** where it is left out: itemised if there are single sales in the period, else declared */
  basis?: "itemised" | "declared" | null;
};

export type PostReportsAnswer = {
  id: number;
  job_id: string | null;
  status: "queued" | "writing" | "done";
};

export type PostTagRulesBody = {
  /** what the customer is given */
  tag: string;
  scope: "category" | "product" | "total";
  /** the category's name or the product's id; none for total */
  match?: string;
  metric: "orders" | "units" | "spent";
  /** tagged while the value is over it */
  threshold: number;
  /** only the last so many business dates count */
  window_days?: number | null;
  /** once given, the tag stays */
  sticky?: boolean;
  /** of the metric spent */
  currency?: string | null;
};

export type PostTagRulesAnswer = {
  rule_id: number;
  tag: string;
  scope: string;
  match: string;
  metric: string;
  threshold: number;
  window_days: number | null;
  sticky: boolean;
  currency: string | null;
  /** every customer there was has been asked */
  is_applied: boolean;
  created_at: string;
  updated_at: string;
  job_id: string | null;
};

export type PostTagRulesPreviewBody = {
  /** what the customer is given */
  tag: string;
  scope: "category" | "product" | "total";
  /** the category's name or the product's id; none for total */
  match?: string;
  metric: "orders" | "units" | "spent";
  /** tagged while the value is over it */
  threshold: number;
  /** only the last so many business dates count */
  window_days?: number | null;
  /** once given, the tag stays */
  sticky?: boolean;
  /** of the metric spent */
  currency?: string | null;
};

export type PostTagRulesPreviewAnswer = {
  customers: number;
  examples: ({
    customer_id: string;
    customer_name: string | null;
    value: number;
  })[];
};

export type PostTokensBody = {
  name: string;
  /** of admin, collector, analyst, marketer, operator */
  roles: string[];
  place_id?: string;
  expires_at?: string;
};

export type PostTokensAnswer = {
  token_id: string;
  name: string;
  roles: ("admin" | "collector" | "analyst" | "marketer" | "operator")[];
  place_id: string | null;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  secret: string;
};

export type PostTokensIdRotateAnswer = {
  token_id: string;
  name: string;
  roles: ("admin" | "collector" | "analyst" | "marketer" | "operator")[];
  place_id: string | null;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  secret: string;
};

export type PostTransactionsBody = {
  /** unique among transactions (with IDENTITY=place: among those of the place) */
  transaction_id: string;
  /** the product; its name and category come from the catalogue */
  product_id: string;
  /** over 0, up to three decimals */
  quantity: number | string;
  /** what was paid, less the discount */
  total_amount: number | string;
  /** ISO 8601; without offset it is read in the time zone of the place */
  timestamp: string;
  /** the place */
  place_id?: string;
  /** its name; the newest wins */
  place_name?: string;
  place?: {
    /** the place */
    place_id?: string;
    /** its name */
    place_name?: string;
  };
  /** tips, on top of the total */
  tips_amount?: number | string;
  /** given on the whole sale */
  discount_amount?: number | string;
  /** the customer */
  customer_id?: string;
  /** their name */
  customer_name?: string;
  /** ISO 4217; that of the place where it is not given */
  currency?: string;
  type?: "sale" | "refund";
  /** what a refund takes back */
  original_transaction_id?: string;
  /** a higher one corrects what was sent */
  revision?: number;
  /** VAT, inside the total; 0 where it is not given */
  nds_amount?: number | string;
  payment_method?: string;
} | ({
  /** unique among transactions (with IDENTITY=place: among those of the place) */
  transaction_id: string;
  /** the product; its name and category come from the catalogue */
  product_id: string;
  /** over 0, up to three decimals */
  quantity: number | string;
  /** what was paid, less the discount */
  total_amount: number | string;
  /** ISO 8601; without offset it is read in the time zone of the place */
  timestamp: string;
  /** the place */
  place_id?: string;
  /** its name; the newest wins */
  place_name?: string;
  place?: {
    /** the place */
    place_id?: string;
    /** its name */
    place_name?: string;
  };
  /** tips, on top of the total */
  tips_amount?: number | string;
  /** given on the whole sale */
  discount_amount?: number | string;
  /** the customer */
  customer_id?: string;
  /** their name */
  customer_name?: string;
  /** ISO 4217; that of the place where it is not given */
  currency?: string;
  type?: "sale" | "refund";
  /** what a refund takes back */
  original_transaction_id?: string;
  /** a higher one corrects what was sent */
  revision?: number;
  /** VAT, inside the total; 0 where it is not given */
  nds_amount?: number | string;
  payment_method?: string;
})[];

export type PostTransactionsAnswer = {
  transaction_id: string;
  status: string;
  verdict?: string;
  errors?: ({
    pointer: string;
    code: string;
    message: string;
  })[];
} | {
  transaction_id: string;
  status: string;
  verdict?: string;
  errors?: ({
    pointer: string;
    code: string;
    message: string;
  })[];
} | {
  accepted: number;
  rejected: number;
  results: ({
    index: number;
    transaction_id: string | null;
    status: string;
    verdict?: string;
    errors?: ({
      pointer: string;
      code: string;
      message: string;
    })[];
  })[];
  /** counted, but too many to list; the journal has them */
  results_left_out?: number;
};

export type PutAlertRulesIdBody = {
  name: string;
  kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
  /** threshold and change: sales, refunds, net, discounts, receipts, refund_receipts, units, average_receipt, nds or tips; refunds: refund_amount or refund_rate; lag: lag, stream_lag or fold_lag */
  metric?: string | null;
  /** without place_id: each place for itself (as where it is left out), or all together */
  scope?: "each_place" | "all_places" | null;
  /** one place; without it the rule holds for each */
  place_id?: string | null;
  /** one product */
  product_id?: string | null;
  /** one category */
  category?: string | null;
  /** of a metric in money; without it each currency is judged by itself */
  currency?: string | null;
  /** multiples of 5 for a place, of 60 for a category, of 1440 for a product */
  window_minutes?: number | null;
  /** fires while the figure is lower; of a change the percent, -30 being a drop by 30 % */
  below?: number | null;
  /** fires while the figure is higher; of a change the percent; of a lag seconds */
  above?: number | null;
  /** change and silence: how many past weeks are looked at, 6 where left out */
  weeks?: number | null;
  /** change: how many times the usual spread it has to be off, 5 where left out */
  sensitivity?: number | null;
  /** the same thing does not fire again so long after it was resolved */
  cooldown_minutes?: number | null;
  channels?: string[] | null;
  /** of the explanation */
  language?: "en" | "ru" | null;
  /** nothing fires before, RFC 3339 */
  muted_until?: string | null;
  enabled?: boolean | null;
};

export type PutAlertRulesIdAnswer = {
  rule_id: number;
  name: string;
  kind: "threshold" | "change" | "silence" | "refunds" | "audit" | "lag";
  metric: string;
  scope: "each_place" | "all_places";
  place_id: string | null;
  product_id: string | null;
  category: string | null;
  currency: string | null;
  window_minutes: number;
  below: number | null;
  above: number | null;
  weeks: number;
  sensitivity: number;
  cooldown_minutes: number;
  channels: string[];
  language: "en" | "ru";
  muted_until: string | null;
  enabled: boolean;
  created_at: string;
  updated_at: string;
};

export type PutChannelsIdBody = {
  kind: "webhook" | "email" | "telegram" | "slack";
  /** of a webhook, or of an incoming webhook of Slack (kept secret; left out: as it was) */
  url?: string;
  /** signs a webhook: whsec_…; left out: as it was, or made and shown once */
  secret?: string;
  /** make another secret, shown once */
  new_secret?: boolean;
  /** addresses of an email */
  to?: string[];
  /** of an email; SMTP_FROM where left out */
  from?: string;
  /** of Telegram: a number, or @ and a name */
  chat_id?: string | number;
  /** of Telegram; left out: as it was */
  bot_token?: string;
  /** of texts; REPORT_LANGUAGE where left out */
  language?: "ru" | "en";
  /** false: nothing is sent, and nothing waits */
  enabled?: boolean;
};

export type PutChannelsIdAnswer = {
  channel_id: string;
  kind: "webhook" | "email" | "telegram" | "slack";
  url?: string;
  to?: string[];
  from?: string | null;
  chat_id?: string;
  /** of Slack: where its secret address leads */
  host?: string;
  language: "ru" | "en";
  enabled: boolean;
  has_secret: boolean;
  /** why it was switched off by itself */
  disabled_reason: string | null;
  /** since when nothing comes through */
  failing_since: string | null;
  last_error: string | null;
  last_delivered_at: string | null;
  /** deliveries that are not sent yet */
  waiting: number;
  created_at: string;
  updated_at: string;
  /** where it was made just now; never again */
  secret: string | null;
};

export type PutPlacesIdBody = {
  place_name?: string;
  /** IANA name */
  time_zone?: string;
  /** ISO 4217 */
  currency?: string;
  /** HH:MM; a sale before it counts for the day before */
  business_day_start?: string;
  groups?: string[];
  /** from which local time it holds: a date, a date-time, "now" (default) or "beginning" */
  since?: string;
};

export type PutPlacesIdAnswer = {
  place_id: string;
  place_name: string;
  time_zone: string;
  currency: string;
  business_day_start: string;
  groups: string[];
} & {
  reference_version: number;
  job_id: string | null;
};

export type PutProductsIdBody = {
  /** as in the path */
  product_id?: string;
  name?: string;
  /** the category it counts for */
  category?: string;
  price?: number;
  /** from which local time of the sales it holds: a date, a date-time, "now" (default) or "beginning"; the first category of a product holds since the beginning in any case */
  since?: string;
};

export type PutProductsIdAnswer = {
  product_id: string;
  name?: string;
  /** the category it counts for */
  category?: string;
  price?: number;
} & {
  changed: number;
  /** entries that say what is known already */
  unchanged: number;
  reference_version: number;
  /** the re-attribution of loaded sales */
  job_id: string | null;
};

export type PutReferenceRestaurantsIdBody = {
  /** as in the path */
  _id?: string;
  name?: string;
  menu?: ({
    /** the dish, as orders of the restaurant name it */
    _id: string;
    name?: string;
    price?: number;
    /** the category it counts for */
    category?: string;
  })[];
  /** from which local time of the sales it holds: a date, a date-time, "now" (default) or "beginning"; the first category of a product holds since the beginning in any case */
  since?: string;
};

export type PutReferenceRestaurantsIdAnswer = {
  _id: string;
  name?: string;
  menu?: ({
    /** the dish, as orders of the restaurant name it */
    _id: string;
    name?: string;
    price?: number;
    /** the category it counts for */
    category?: string;
  })[];
} & {
  changed: number;
  /** entries that say what is known already */
  unchanged: number;
  reference_version: number;
  /** the re-attribution of loaded sales */
  job_id: string | null;
};

export type PutReferenceUsersIdBody = {
  /** as in the path */
  _id?: string;
  name?: string;
  /** their login */
  login?: string;
  /** from which local time of the sales it holds: a date, a date-time, "now" (default) or "beginning"; the first category of a product holds since the beginning in any case */
  since?: string;
};

export type PutReferenceUsersIdAnswer = {
  _id: string;
  name?: string;
  /** their login */
  login?: string;
} & {
  changed: number;
  /** entries that say what is known already */
  unchanged: number;
  reference_version: number;
  /** the re-attribution of loaded sales */
  job_id: string | null;
};

export type PutTagRulesIdBody = {
  /** what the customer is given */
  tag: string;
  scope: "category" | "product" | "total";
  /** the category's name or the product's id; none for total */
  match?: string;
  metric: "orders" | "units" | "spent";
  /** tagged while the value is over it */
  threshold: number;
  /** only the last so many business dates count */
  window_days?: number | null;
  /** once given, the tag stays */
  sticky?: boolean;
  /** of the metric spent */
  currency?: string | null;
};

export type PutTagRulesIdAnswer = {
  rule_id: number;
  tag: string;
  scope: string;
  match: string;
  metric: string;
  threshold: number;
  window_days: number | null;
  sticky: boolean;
  currency: string | null;
  /** every customer there was has been asked */
  is_applied: boolean;
  created_at: string;
  updated_at: string;
  job_id: string | null;
};
