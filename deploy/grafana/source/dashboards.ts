import type { MadeDashboard } from './dashboard.ts';
import { growthDashboard } from './growth.ts';
import { productsDashboard } from './products.ts';
import { servicesDashboard } from './services.ts';

/** By the name of its file. */
export const dashboards: Record<string, MadeDashboard> = {
  'products.json': productsDashboard,
  'services.json': servicesDashboard,
  'growth.json': growthDashboard,
};

export function dashboardText(dashboard: MadeDashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
