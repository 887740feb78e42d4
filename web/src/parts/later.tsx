import { type ComponentType, type ReactNode, useEffect, useState } from 'react';

/** A component whose code comes later. */
export type Deferred<Properties extends object> = {
  fetched: ComponentType<Properties> | undefined;
  /** Starts to fetch it. What could not be fetched is asked for again next time. */
  preload: () => Promise<ComponentType<Properties>>;
};

export function defer<Properties extends object>(
  load: () => Promise<ComponentType<Properties>>,
): Deferred<Properties> {
  let fetching: Promise<ComponentType<Properties>> | undefined;
  const deferred: Deferred<Properties> = {
    fetched: undefined,
    preload: () => (fetching ??= fetchOnce()),
  };
  async function fetchOnce(): Promise<ComponentType<Properties>> {
    try {
      deferred.fetched = await load();
      return deferred.fetched;
    } catch (error) {
      fetching = undefined;
      throw error;
    }
  }
  return deferred;
}

type LaterProperties<Properties extends object> = {
  /** Not exchanged while it is shown. */
  of: Deferred<Properties>;
  properties: Properties;
  waiting?: ReactNode;
};

/**
 * Shows it the moment it is there: React's own `lazy` holds it back for 300 ms once something was shown instead.
 * What cannot be fetched is thrown.
 */
export function Later<Properties extends object>({
  of,
  properties,
  waiting = null,
}: LaterProperties<Properties>) {
  const [Shown, setShown] = useState(() => of.fetched);
  const [failure, setFailure] = useState<{ error: unknown }>();
  useEffect(() => {
    if (Shown !== undefined) return;
    of.preload().then(
      (component) => setShown(() => component),
      (error: unknown) => setFailure({ error }),
    );
  }, [Shown, of]);
  if (failure !== undefined) throw failure.error;
  return Shown === undefined ? waiting : <Shown {...properties} />;
}
