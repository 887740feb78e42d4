import type { PageProps } from '../pages.ts';
import { JournalEntry } from './journal-entry.tsx';
import { JournalSearch } from './journal-search.tsx';
import '../styles/journal.css';

/** Everything that arrived: the list, or one document of it. */
export function JournalPage({ rest }: PageProps) {
  const [position] = rest;
  return position === undefined ? <JournalSearch /> : <JournalEntry key={position} position={position} />;
}
