import { Badge, type Tone } from '../parts/badge.tsx';
import { useWords } from '../words.ts';
import { journalWords } from './journal-words.ts';

export type Verdict = keyof typeof journalWords.en.verdicts;
export const verdicts = Object.keys(journalWords.en.verdicts) as Verdict[];
export const sources = Object.keys(journalWords.en.sources) as (keyof typeof journalWords.en.sources)[];

const tones: Partial<Record<Verdict, Tone>> = {
  accepted: 'good',
  corrected: 'good',
  rejected: 'bad',
  conflict: 'warning',
};

export function VerdictBadge({ verdict }: { verdict: string }) {
  const words = useWords(journalWords);
  const known = verdicts.find((one) => one === verdict);
  if (known === undefined) return <Badge>{verdict}</Badge>;
  return <Badge tone={tones[known] ?? 'neutral'}>{words.verdicts[known]}</Badge>;
}
