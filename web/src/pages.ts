import type { IconName } from './parts/icon.tsx';
import { type Deferred, defer } from './parts/later.tsx';
import type { Role } from './session.ts';
import { defineWords } from './words.ts';

/** The segments of the address after the page's own: `customers/7` gives `['7']`. */
export type PageProps = { rest: readonly string[] };

export const pageNames = defineWords({
  en: {
    today: 'Today',
    sales: 'Sales',
    products: 'Products',
    customers: 'Customers',
    tags: 'Tags',
    alerts: 'Alerts',
    reports: 'Reports',
    import: 'Import',
    journal: 'Journal',
    jobs: 'Jobs',
    tokens: 'Tokens',
    health: 'Health',
  },
  ru: {
    today: 'Сегодня',
    sales: 'Продажи',
    products: 'Товары',
    customers: 'Клиенты',
    tags: 'Теги',
    alerts: 'Тревоги',
    reports: 'Отчёты',
    import: 'Загрузка',
    journal: 'Журнал',
    jobs: 'Задания',
    tokens: 'Токены',
    health: 'Состояние',
  },
});
export type PageName = keyof typeof pageNames.en;

export type PageEntry = {
  /** The first segment of its address, and its name in `pageNames`; today is also at the bare address. */
  name: PageName;
  icon: IconName;
  /** A token with one of these sees it; `admin` sees all. */
  roles: readonly Role[];
  /** A token that is bound to a place may not ask what the page asks. */
  unboundOnly?: boolean;
  page: Deferred<PageProps>;
};
export type PageGroup = 'watch' | 'people' | 'data' | 'system';

/** The navigation in its order; each page is loaded when it is first opened. */
export const pageGroups: Record<PageGroup, readonly PageEntry[]> = {
  watch: [
    {
      ...{ name: 'today', icon: 'pulse', roles: ['analyst'] },
      page: defer(async () => (await import('./pages/today.tsx')).TodayPage),
    },
    {
      ...{ name: 'sales', icon: 'bars', roles: ['analyst'] },
      page: defer(async () => (await import('./pages/sales.tsx')).SalesPage),
    },
    {
      ...{ name: 'products', icon: 'box', roles: ['analyst'] },
      page: defer(async () => (await import('./pages/products.tsx')).ProductsPage),
    },
    {
      ...{ name: 'reports', icon: 'page', roles: ['analyst'] },
      page: defer(async () => (await import('./pages/reports.tsx')).ReportsPage),
    },
  ],
  people: [
    {
      ...{ name: 'customers', icon: 'people', roles: ['marketer'], unboundOnly: true },
      page: defer(async () => (await import('./pages/customers.tsx')).CustomersPage),
    },
    {
      ...{ name: 'tags', icon: 'tag', roles: ['marketer'], unboundOnly: true },
      page: defer(async () => (await import('./pages/tags.tsx')).TagsPage),
    },
    {
      ...{ name: 'alerts', icon: 'bell', roles: ['operator'], unboundOnly: true },
      page: defer(async () => (await import('./pages/alerts.tsx')).AlertsPage),
    },
  ],
  data: [
    {
      ...{ name: 'import', icon: 'upload', roles: ['collector'] },
      page: defer(async () => (await import('./pages/import.tsx')).ImportPage),
    },
    {
      ...{ name: 'journal', icon: 'book', roles: ['operator'] },
      page: defer(async () => (await import('./pages/journal.tsx')).JournalPage),
    },
  ],
  system: [
    {
      ...{ name: 'jobs', icon: 'gear', roles: ['operator'], unboundOnly: true },
      page: defer(async () => (await import('./pages/jobs.tsx')).JobsPage),
    },
    {
      ...{ name: 'tokens', icon: 'key', roles: ['admin'], unboundOnly: true },
      page: defer(async () => (await import('./pages/tokens.tsx')).TokensPage),
    },
    {
      ...{ name: 'health', icon: 'heart', roles: ['operator'], unboundOnly: true },
      page: defer(async () => (await import('./pages/health.tsx')).HealthPage),
    },
  ],
};
