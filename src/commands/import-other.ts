import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { importReference } from '../imports/import-reference.ts';
import { readBytes } from '../imports/open-import.ts';
import { loadDailyFile } from '../intake/load-daily-file.ts';
import { createJobs } from '../jobs/jobs.ts';
import { openDailyStore } from '../open-warehouse.ts';
import { createReattribution } from '../warehouse/reattribute.ts';
import type { Opened } from './with-warehouse.ts';

const shownReasons = 20;
const lookAgainMs = 200;
export const someRejected = 2;

/** One XML file of a place and day. */
export async function importDaily(
  file: string,
  options: { place?: string; replace?: boolean },
  { warehouse, config, log, metrics }: Opened,
): Promise<void> {
  const { reference, resolvedDefaults } = warehouse;
  const store = openDailyStore(warehouse, { config, log, metrics });
  const { verdict, placeId, date, problems } = await loadDailyFile(
    { store, reference, config, clock: systemClock },
    readBytes(file),
    {
      contentType: 'application/xml',
      resolved: { ...resolvedDefaults, placeId: options.place ?? resolvedDefaults.placeId },
      replace: options.replace === true,
    },
  );
  if (verdict === 'rejected') {
    console.log(`${file}: rejected, nothing of it counts`);
    for (const { line, pointer, message } of problems.slice(0, shownReasons))
      console.log(`  ${line === undefined ? '' : `line ${line}: `}${`${pointer} ${message}`.trim()}`);
    process.exitCode = someRejected;
    return;
  }
  const isStored = verdict === 'conflict' || (verdict === 'duplicate' && options.replace !== true);
  const hint = isStored ? ': a file of this place and date is stored already; --replace corrects it' : '';
  console.log(`${file}: ${date} at ${placeId}, ${verdict}${hint}`);
  if (verdict === 'conflict') process.exitCode = someRejected;
  await warehouse.settle();
}

/** Users and restaurants; what was loaded without them moves. */
export async function importReferenceFile(
  file: string,
  { warehouse, config, log, signal }: Opened,
): Promise<void> {
  const { pool, reference, erased, connectionString, parse, epoch } = warehouse;
  const jobs = await createJobs({ connectionString, log });
  try {
    const { defaultTimeZone, productIdScope } = config;
    const deps = { pool, reference, erased, jobs, clock: systemClock, defaultTimeZone, productIdScope };
    const summary = await importReference(deps, readBytes(file));
    console.log(
      `${file}: ${summary.user} users, ${summary.restaurant} restaurants, ${summary.changed} new or changed`,
    );
    for (const { line, reason } of summary.rejected.slice(0, shownReasons))
      console.log(`  line ${line}: ${reason}`);
    if (summary.rejected.length > 0) {
      console.log(`${summary.rejected.length} lines rejected; correct them and import the file again`);
      process.exitCode = someRejected;
    }
    // Where no program runs that would do it.
    await createReattribution({ pool, reference, parse, epoch, log }).work(jobs);
    while ((await jobs.pending('reattribute')) > 0) await sleep(lookAgainMs, undefined, { signal });
    await warehouse.settle();
  } finally {
    await jobs.stop();
  }
}
