import { pageNames } from '../pages.ts';
import { EmptyState } from '../parts/notice.tsx';
import { Page } from '../parts/page.tsx';
import { useWords } from '../words.ts';

export function HealthPage() {
  const names = useWords(pageNames);
  return (
    <Page title={names.health}>
      <EmptyState title="…" />
    </Page>
  );
}
