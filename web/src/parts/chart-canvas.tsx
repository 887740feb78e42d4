import { useEffect, useRef } from 'react';
import { onColorsChange } from '../theme.ts';
import type { ChartProperties } from './chart.tsx';
import { type Drawing, drawChart } from './draw-chart.ts';

/** Draws on a canvas, again whenever figures, colours or the width change. */
export function ChartCanvas(properties: ChartProperties) {
  const element = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing>(undefined);
  const latest = useRef(properties);
  latest.current = properties;
  useEffect(() => {
    const made = drawChart(element.current!);
    drawing.current = made;
    made.show(latest.current);
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(element.current!);
    const unsubscribe = onColorsChange(() => made.show(latest.current));
    return () => {
      observer.disconnect();
      unsubscribe();
      made.dispose();
    };
  }, []);
  useEffect(() => drawing.current?.show(properties), [properties]);
  return (
    <div
      ref={element}
      role="img"
      aria-label={properties.label}
      style={{ height: '100%' }}
      data-drawn={properties.labels.length}
    />
  );
}
