import { type ComponentType, lazy } from 'react';
import type { IconName } from './parts/icon.tsx';
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
  Page: LoadedPage;
};
/** `preload` starts to load what it will show. */
export type LoadedPage = ComponentType<PageProps> & { preload: () => Promise<unknown> };
export type PageGroup = 'watch' | 'people' | 'data' | 'system';

const page = (load: () => Promise<ComponentType<PageProps>>): LoadedPage => {
  let loading: Promise<ComponentType<PageProps>> | undefined;
  const preload = () => (loading ??= load());
  return Object.assign(
    lazy(async () => ({ default: await preload() })),
    { preload },
  );
};

/** The navigation in its order; each page is loaded when it is first opened. */
export const pageGroups: Record<PageGroup, readonly PageEntry[]> = {
  watch: [
    {
      ...{ name: 'today', icon: 'pulse', roles: ['analyst'] },
      Page: page(async () => (await import('./pages/today.tsx')).TodayPage),
    },
    {
      ...{ name: 'sales', icon: 'bars', roles: ['analyst'] },
      Page: page(async () => (await import('./pages/sales.tsx')).SalesPage),
    },
    {
      ...{ name: 'products', icon: 'box', roles: ['analyst'] },
      Page: page(async () => (await import('./pages/products.tsx')).ProductsPage),
    },
    {
      ...{ name: 'reports', icon: 'page', roles: ['analyst'] },
      Page: page(async () => (await import('./pages/reports.tsx')).ReportsPage),
    },
  ],
  people: [
    {
      ...{ name: 'customers', icon: 'people', roles: ['marketer'], unboundOnly: true },
      Page: page(async () => (await import('./pages/customers.tsx')).CustomersPage),
    },
    {
      ...{ name: 'tags', icon: 'tag', roles: ['marketer'], unboundOnly: true },
      Page: page(async () => (await import('./pages/tags.tsx')).TagsPage),
    },
    {
      ...{ name: 'alerts', icon: 'bell', roles: ['operator'], unboundOnly: true },
      Page: page(async () => (await import('./pages/alerts.tsx')).AlertsPage),
    },
  ],
  data: [
    {
      ...{ name: 'import', icon: 'upload', roles: ['collector'] },
      Page: page(async () => (await import('./pages/import.tsx')).ImportPage),
    },
    {
      ...{ name: 'journal', icon: 'book', roles: ['operator'] },
      Page: page(async () => (await import('./pages/journal.tsx')).JournalPage),
    },
  ],
  system: [
    {
      ...{ name: 'jobs', icon: 'gear', roles: ['operator'], unboundOnly: true },
      Page: page(async () => (await import('./pages/jobs.tsx')).JobsPage),
    },
    {
      ...{ name: 'tokens', icon: 'key', roles: ['admin'], unboundOnly: true },
      Page: page(async () => (await import('./pages/tokens.tsx')).TokensPage),
    },
    {
      ...{ name: 'health', icon: 'heart', roles: ['operator'], unboundOnly: true },
      Page: page(async () => (await import('./pages/health.tsx')).HealthPage),
    },
  ],
};
