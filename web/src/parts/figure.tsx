import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useFormat } from '../format.ts';
import { prefersReducedMotion } from '../theme.ts';
import { Icon } from './icon.tsx';

const movesMs = 700;

/** Runs from the figure that was shown to the new one; at once for who asked for less motion. */
export function useMovingNumber(value: number): number {
  const [shown, setShown] = useState(value);
  const latest = useRef(value);
  useEffect(() => {
    const from = latest.current;
    if (from === value) return;
    if (prefersReducedMotion() || document.hidden) {
      latest.current = value;
      setShown(value);
      return;
    }
    const startedAt = performance.now();
    let frame = requestAnimationFrame(function move(now) {
      const part = Math.min(1, (now - startedAt) / movesMs);
      latest.current = part === 1 ? value : from + (value - from) * (1 - (1 - part) ** 3);
      setShown(latest.current);
      if (part < 1) frame = requestAnimationFrame(move);
    });
    return () => cancelAnimationFrame(frame);
  }, [value]);
  return shown;
}

type Properties = {
  label: string;
  value: number | null | undefined;
  format: (value: number) => string;
  /** Under the figure: what it is compared with, say. */
  note?: ReactNode;
  isLarge?: boolean;
};

/** One figure that moves when it changes. */
export function Figure({ label, value, format, note, isLarge = false }: Properties) {
  const shown = useMovingNumber(value ?? 0);
  return (
    <div className={isLarge ? 'figure figure-large' : 'figure'}>
      <dt>{label}</dt>
      <dd className="figure-value">{value === null || value === undefined ? '–' : format(shown)}</dd>
      {note !== undefined && <dd className="figure-note">{note}</dd>}
    </div>
  );
}

/** A change in percent: an arrow, a sign and a colour; nothing where there is nothing to compare with. */
export function Change({ percent }: { percent: number | null | undefined }) {
  const format = useFormat();
  if (percent === null || percent === undefined) return <span className="muted">–</span>;
  const direction = percent > 0 ? 'up' : percent < 0 ? 'down' : undefined;
  return (
    <span className={`change ${direction === undefined ? '' : `change-${direction}`}`}>
      {direction !== undefined && <Icon name={direction} />}
      {format.change(percent)}
    </span>
  );
}
