import { pageNames } from '../pages.ts';
import { EmptyState } from '../parts/notice.tsx';
import { Page } from '../parts/page.tsx';
import { useWords } from '../words.ts';

export function TokensPage() {
  const names = useWords(pageNames);
  return (
    <Page title={names.tokens}>
      <EmptyState title="…" />
    </Page>
  );
}
