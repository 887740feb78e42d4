import { useEffect, useState } from 'react';
import type { GetStreamAnswer } from './api-answers.ts';
import { followEvents } from './event-stream.ts';

export type LivePlace = GetStreamAnswer['places'][number];
export type LiveSales = {
  /** Undefined until the first event. */
  places: readonly LivePlace[] | undefined;
  isOpen: boolean;
};

const keyOf = ({ currency, place_id }: LivePlace) => `${currency} ${place_id}`;

/** Today's running figures of every place, as they change. */
export function useLiveSales(): LiveSales {
  const [live, setLive] = useState<LiveSales>({ places: undefined, isOpen: false });
  useEffect(() => {
    const stop = new AbortController();
    let known = new Map<string, LivePlace>();
    void followEvents('/api/stream', stop.signal, {
      onOpen: (isOpen) => setLive((before) => ({ ...before, isOpen })),
      onEvent({ name, data }) {
        const { places } = JSON.parse(data) as GetStreamAnswer;
        if (name === 'today') known = new Map();
        for (const place of places) known.set(keyOf(place), place);
        setLive({ places: [...known.values()], isOpen: true });
      },
    });
    return () => stop.abort();
  }, []);
  return live;
}
