import { useFormat } from '../format.ts';

/** Date and time of an instant in one line; nothing where there is none. */
export function Moment({ at }: { at: string | null }) {
  const format = useFormat();
  if (at === null) return null;
  return (
    <time dateTime={at} className="moment">
      {format.moment(at)}
    </time>
  );
}
