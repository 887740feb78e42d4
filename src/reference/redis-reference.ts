import { isDeepStrictEqual } from 'node:util';
import { binaryColumn, blamesDocument } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import { splitScopedId } from '../sales/id-scope.ts';
import type { Incoming } from '../sales/sale.ts';
import { type CatalogueDeps, type CatalogueEntry, changeCatalogue } from './change-catalogue.ts';
import type { RedisClient } from './redis-client.ts';
import { type RedisEntry, readRedisEntry, type WantedKind } from './redis-entries.ts';
import { scopeMenu, scopeProblem } from './scope-entries.ts';
import { createWantedList, type Wanted } from './wanted-references.ts';

export type RedisReferenceDeps = CatalogueDeps & {
  redis: RedisClient;
  metrics: Metrics;
  log: Log;
  /** How long an answer is good for, so that a change in Redis is seen. */
  ageMs?: number;
};

/** Restaurants and users that orders name every day are asked for once a minute, not once a batch. */
const usualAgeMs = 60_000;
/** After an outage it is asked sooner. */
const outageAgeMs = 5_000;
const remembered = 100_000;
/** A batch waits no longer: without an answer it loads with what is known. */
const batchTimeoutMs = 250;
const lookTimeoutMs = 5_000;

const readKnown = `
  select r.kind, r.id, r.fields from unnest($1::text[], $2::text[]) as i(kind, id)
  join ops.reference as r on r.kind = i.kind and r.id = i.id`;

const kinds: readonly WantedKind[] = ['restaurant', 'user'];
const keyOf = ({ kind, id }: Wanted) => `${kind} ${id}`;
type Fields = Record<string, unknown>;

/**
 * Users and restaurants from Redis. What is first seen there, or changed, enters the reference history as if
 * it had been put by hand; nothing else of the program knows of Redis. What Redis has not, or does not tell,
 * is wanted: it is looked for until it comes.
 */
export function createRedisReference(deps: RedisReferenceDeps) {
  const { redis, pool, metrics, clock, erased } = deps;
  const isScoped = deps.productIdScope === 'place';
  const ageMs = deps.ageMs ?? usualAgeMs;
  const wantedList = createWantedList(pool);
  /** Until when nothing is asked about a key. */
  const settledUntilMs = new Map<string, number>();
  let troubles = 0;

  function settle(list: readonly Wanted[], forMs: number): void {
    if (settledUntilMs.size + list.length > remembered) settledUntilMs.clear();
    const untilMs = clock.nowMs() + forMs;
    for (const one of list) settledUntilMs.set(keyOf(one), untilMs);
  }

  /** What the orders of a batch name and was not asked for lately, each once. */
  function namedIn(batch: readonly Incoming[]): Wanted[] {
    const nowMs = clock.nowMs();
    const found = new Map<string, Wanted>();
    for (const { sale } of batch) {
      if (sale?.source !== 'order') continue;
      const named: Wanted[] = [{ kind: 'restaurant', id: sale.placeId }];
      if (sale.customerId !== undefined && !erased.isErased(sale.customerId))
        named.push({ kind: 'user', id: sale.customerId });
      for (const one of named) {
        const key = keyOf(one);
        if ((settledUntilMs.get(key) ?? 0) <= nowMs) found.set(key, one);
      }
    }
    return [...found.values()];
  }

  /** Redis knows a user of every place by the id that orders name. */
  const redisKey = ({ kind, id }: Wanted) =>
    isScoped && kind === 'user' ? (splitScopedId(id)?.id ?? id) : id;

  function readEntry(one: Wanted, text: string): RedisEntry {
    const entry = readRedisEntry(one.kind, redisKey(one), text);
    if (!isScoped || 'problem' in entry) return entry;
    const problem = scopeProblem(one.kind, { id: one.id, fields: entry.fields });
    return problem === undefined ? entry : { problem };
  }

  /** The entries that Redis has, and what it has not or not in a form that can be used. */
  async function readEntries(list: readonly Wanted[], timeoutMs: number) {
    const texts = await redis.read(list.map(redisKey), timeoutMs);
    const found = new Map<Wanted, Fields>();
    const missing: Wanted[] = [];
    for (const [index, one] of list.entries()) {
      const text = texts[index];
      const entry = typeof text === 'string' ? readEntry(one, text) : undefined;
      const result = entry === undefined ? 'missing' : 'problem' in entry ? 'invalid' : 'found';
      metrics.referenceLookups.inc({ result });
      if (entry !== undefined && 'fields' in entry) found.set(one, entry.fields);
      else missing.push(one);
      if (entry !== undefined && 'problem' in entry) tell(one, entry.problem);
    }
    return { found, missing };
  }

  /** A line of the log for the first, and then for each hundredth. */
  function tell({ kind, id }: Wanted, problem: string): void {
    if (troubles++ % 100 === 0)
      deps.log.warn({ kind, id, problem, troubles }, 'a value in Redis cannot be used; correct it there');
  }

  async function knownOf(list: readonly Wanted[]): Promise<Map<string, Fields>> {
    if (list.length === 0) return new Map();
    const { rows } = await pool.query<Wanted & { fields: Fields }>({
      name: 'read-known-references',
      text: readKnown,
      values: [binaryColumn('text', list, ({ kind }) => kind), binaryColumn('text', list, ({ id }) => id)],
    });
    return new Map(rows.map((row) => [keyOf(row), row.fields]));
  }

  /** Puts into the history what differs from what is known there; answers what it would not take. */
  async function enter(found: ReadonlyMap<Wanted, Fields>, known: Map<string, Fields>): Promise<Wanted[]> {
    const refused: Wanted[] = [];
    const changed = [...found].filter(([one, given]) => {
      const before = known.get(keyOf(one));
      const fields = isScoped ? scopeMenu({ id: one.id, fields: given }).fields : given;
      return before === undefined || !isDeepStrictEqual({ ...before, ...fields }, before);
    });
    for (const kind of kinds) {
      const ofKind = changed.filter(([one]) => one.kind === kind);
      if (ofKind.length === 0) continue;
      try {
        await change(
          kind,
          ofKind.map(([{ id }, fields]) => ({ id, fields })),
        );
      } catch (error) {
        // What PostgreSQL takes offence at must keep no order from loading.
        if (!blamesDocument(error)) throw error;
        for (const [one] of ofKind) tell(one, (error as Error).message);
        refused.push(...ofKind.map(([one]) => one));
      }
    }
    return refused;
  }

  async function change(kind: WantedKind, entries: readonly CatalogueEntry[]): Promise<void> {
    try {
      await changeCatalogue(deps, kind, entries, { pointerOf: String });
    } catch (error) {
      if (!(error instanceof CodedError) || kind !== 'user') throw error;
      // Somebody was erased meanwhile, which is known by now.
      const others = entries.filter(({ id }) => !erased.isErased(id));
      if (others.length > 0) await changeCatalogue(deps, kind, others, { pointerOf: String });
    }
  }

  return {
    /**
     * To be called before a batch is loaded, outside of its transaction: what its orders name is known after
     * this, or wanted. Fails only where the database does.
     */
    async prepare(batch: readonly Incoming[]): Promise<void> {
      const named = namedIn(batch);
      if (named.length === 0) return;
      const started = performance.now();
      const answer = redis.isUp()
        ? await readEntries(named, batchTimeoutMs).catch(() => undefined)
        : undefined;
      if (answer === undefined) metrics.referenceLookups.inc({ result: 'unanswered' }, named.length);
      const known = await knownOf(named);
      const refused = answer === undefined ? [] : await enter(answer.found, known);
      const unknown = [...(answer?.missing ?? named), ...refused].filter((one) => !known.has(keyOf(one)));
      await wantedList.add(unknown);
      settle(named, answer === undefined ? outageAgeMs : ageMs);
      observeStage(metrics, 'processor', 'reference', started);
    },

    /** Looks for what is wanted; answers how many it looked for, 0 where it is not time yet or Redis is away. */
    async look(): Promise<number> {
      if (!redis.isUp()) return 0;
      const due = await wantedList.due();
      if (due.length === 0) return 0;
      const asked = due.filter(({ kind, id }) => kind === 'restaurant' || !erased.isErased(id));
      const known = await knownOf(asked);
      const { found, missing } = await readEntries(asked, lookTimeoutMs);
      const refused = new Set(await enter(found, known));
      const still = [...missing, ...refused].filter((one) => !known.has(keyOf(one)));
      const settled = new Set(due).difference(new Set(still));
      await wantedList.remove([...settled]);
      await wantedList.postpone(still);
      settle([...found.keys()], ageMs);
      return due.length;
    },
  };
}

export type RedisReference = ReturnType<typeof createRedisReference>;
