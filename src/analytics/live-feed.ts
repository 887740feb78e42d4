import type { Writable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Reference } from '../reference/reference.ts';
import { type Follower, startFollower } from '../stream/follow.ts';
import { type FoldPoint, readDayFigures, readTouchedPlaces } from '../warehouse/query-today.ts';
import { businessDatesAt, LiveFigures } from './live-figures.ts';
import { itemisedSources } from './sales-request.ts';

export type LiveFeedDeps = {
  /** The primary: a replica would show sales later than they are answered. */
  pool: Database;
  reference: Reference;
  defaultTimeZone: string;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  /** How many may listen at once. */
  mostListeners?: number;
  tendEveryMs?: number;
};

export type Listener = {
  out: Writable;
  /** The only place it is told of. */
  placeId: string | undefined;
  /** The id of the last event that it had of an earlier connection. */
  lastEventId: string | undefined;
  /** Whether its token still lets it listen. */
  mayListen: () => Promise<boolean>;
};

type Listening = Listener & {
  /** The change it was told last; undefined while it has to be told everything. */
  told: number | undefined;
  /** Since when it has not taken what it was sent. */
  blockedSinceMs: number | undefined;
};

/** One life of the loop, from the first listener to the last. */
type Life = { figures: LiveFigures; follower: Follower; readAtMs: number };

const listenersAtOnce = 500;
const retryAfterSeconds = 30;
const lookEveryMs = 250;
const tendEveryMs = 5_000;
/** Events hold whole figures, so nothing waits for a slow reader but one event; one who takes none goes. */
const longestBlockedMs = 30_000;
/** Figures that stand still because they cannot be read must not look like figures that did not move. */
const longestUnreadMs = 15_000;

/**
 * One loop for all listeners of a process: while there are any, it looks where the fold stands, reads today's
 * figures of the places that moved, and tells each listener what changed since it was told last.
 */
export function createLiveFeed(deps: LiveFeedDeps) {
  const { clock, metrics, log } = deps;
  const most = deps.mostListeners ?? listenersAtOnce;
  const listeners = new Set<Listening>();
  let opening: Promise<Life> | undefined;
  let tending: NodeJS.Timeout | undefined;

  async function open(): Promise<Life> {
    const figures = new LiveFigures();
    const read = createReader(deps, figures);
    await read();
    const step = async () => {
      const before = figures.newest;
      await read();
      life.readAtMs = clock.nowMs();
      if (figures.newest !== before) for (const listening of listeners) tell(listening, figures);
      return 0;
    };
    const follower = startFollower({ name: 'live feed', log, step, idleMs: lookEveryMs });
    const life: Life = { figures, follower, readAtMs: clock.nowMs() };
    return life;
  }

  /** A reader that has not taken the last event is told of the next when it has, and then of all that changed. */
  function tell(listening: Listening, figures: LiveFigures, greeting = ''): void {
    const { out, told, placeId } = listening;
    if (!out.writable || out.writableNeedDrain) return;
    const event = figures.eventSince(told, placeId);
    listening.told = figures.newest;
    write(listening, greeting + (event ?? ''), figures);
  }

  function write(listening: Listening, text: string, figures: LiveFigures): void {
    const { out } = listening;
    if (text === '' || out.write(text)) return;
    listening.blockedSinceMs = clock.nowMs();
    out.once('drain', () => {
      listening.blockedSinceMs = undefined;
      tell(listening, figures);
    });
  }

  function end({ out }: Listening, reason: 'slow' | 'token' | 'unread'): void {
    metrics.liveEnded.inc({ reason });
    if (reason === 'slow') out.destroy();
    else out.end();
  }

  async function tend(): Promise<void> {
    const life = await opening?.catch(() => undefined);
    const nowMs = clock.nowMs();
    for (const listening of listeners) {
      const { blockedSinceMs, out } = listening;
      if (blockedSinceMs !== undefined && nowMs - blockedSinceMs > longestBlockedMs) end(listening, 'slow');
      // Let go already, but not done with what it was sent.
      else if (!out.writable) continue;
      else if (life === undefined || nowMs - life.readAtMs > longestUnreadMs) end(listening, 'unread');
      else if (!out.writableNeedDrain) write(listening, ':\n\n', life.figures);
    }
    // A database that does not answer says nothing of a token.
    const asked = [...listeners].map(async (listening) => {
      const mayListen = await listening.mayListen().catch(() => true);
      if (!mayListen && listening.out.writable) end(listening, 'token');
    });
    await Promise.all(asked);
  }

  async function leave(listening: Listening): Promise<void> {
    if (!listeners.delete(listening)) return;
    metrics.liveListeners.set(listeners.size);
    if (listeners.size > 0) return;
    const last = opening;
    opening = undefined;
    clearInterval(tending);
    await (await last?.catch(() => undefined))?.follower.stop();
  }

  return {
    /**
     * Tells `out` all of today, or what changed since its last event, and then every change until it is closed.
     * Errors: `overloaded` where too many listen; those of the database, where today cannot be read.
     */
    async listen(listener: Listener): Promise<void> {
      if (listeners.size >= most)
        throw new CodedError(
          'overloaded',
          `${most} readers listen already; close one, or read GET /api/analytics/sales instead`,
          { retryAfterSeconds },
        );
      const listening: Listening = { ...listener, told: undefined, blockedSinceMs: undefined };
      listeners.add(listening);
      metrics.liveListeners.set(listeners.size);
      listener.out.once('close', () => void leave(listening));
      if (opening === undefined) {
        opening = open();
        tending = setInterval(() => void tend(), deps.tendEveryMs ?? tendEveryMs);
        tending.unref();
      }
      try {
        const { figures } = await opening;
        const { lastEventId } = listener;
        listening.told = lastEventId === undefined ? undefined : figures.changeOf(lastEventId);
        // Sent even where nothing changed, so that the reader knows that it is connected.
        tell(listening, figures, 'retry: 2000\n\n');
      } catch (error) {
        await leave(listening);
        throw error;
      }
    },
    /** Ends what everyone listens to. */
    close(): void {
      for (const { out } of listeners) out.end();
    },
  };
}

const minuteMs = 60_000;

/** Brings the figures up to date; what was not touched since the last time is not read again. */
function createReader(deps: LiveFeedDeps, figures: LiveFigures): () => Promise<void> {
  let point: FoldPoint | undefined;
  let minute = 0;
  let version = -1;
  return async () => {
    const nowMs = deps.clock.nowMs();
    const snapshot = deps.reference.current();
    const today = businessDatesAt(nowMs, snapshot, deps.defaultTimeZone);
    const touched = await readTouchedPlaces(deps.pool, point);
    // Business days begin at full minutes.
    const isLater = minute !== Math.floor(nowMs / minuteMs) || version !== snapshot.version;
    const places = isLater && figures.hasNewDay(today) ? undefined : touched.places;
    if (places?.length !== 0) {
      const asked = { places, dates: LiveFigures.datesNear(nowMs), sources: itemisedSources };
      figures.take(await readDayFigures(deps.pool, asked), { today, nowMs });
    }
    point = touched.now;
    minute = Math.floor(nowMs / minuteMs);
    version = snapshot.version;
  };
}
