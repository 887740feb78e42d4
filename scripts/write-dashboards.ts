// Makes the JSON that Grafana reads from deploy/grafana/source.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { dashboards, dashboardText } from '../deploy/grafana/source/dashboards.ts';

const folder = path.resolve(import.meta.dirname, '../deploy/grafana/dashboards');
for (const [file, dashboard] of Object.entries(dashboards))
  writeFileSync(path.join(folder, file), dashboardText(dashboard));
