const pageBytes = 8_192;
const segmentBytes = 16 * 1024 * 1024;
const pageHeaderBytes = 24;
const segmentHeaderBytes = 40;
const maximumMarks = 10_000;

/**
 * A position behind a page's header is the end of the page before: one side of a replication may name it so and
 * the other so, with no record between.
 */
export function endOfRecord(position: number): number {
  if (position % segmentBytes === segmentHeaderBytes) return position - segmentHeaderBytes;
  return position % pageBytes === pageHeaderBytes ? position - pageHeaderBytes : position;
}

/**
 * Where the primary's log stood when, to tell from a position of the replica up to when it has everything.
 * Better than the time of the last replayed commit, which stands still while nobody sells anything.
 */
export function createWalMarks() {
  let marks: { position: number; atMs: number }[] = [];
  return {
    /** Everything committed before `atMs`, on the primary's clock, is below `position`. */
    note(position: number, atMs: number): void {
      marks.push({ position: endOfRecord(position), atMs });
      // A replica that is hours behind: every other mark is enough.
      if (marks.length > maximumMarks) marks = marks.filter((_, index) => index % 2 === 0);
    },
    /** The newest of the moments that the replica has reached; undefined where it has reached none of them. */
    reached(position: number): number | undefined {
      const end = endOfRecord(position);
      const index = marks.findLastIndex((mark) => mark.position <= end);
      if (index < 0) return undefined;
      marks = marks.slice(index);
      return marks[0]!.atMs;
    },
  };
}
