import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Component, type ReactNode, useEffect } from 'react';
import { request } from './api.ts';
import { Layout } from './layout.tsx';
import { type PageEntry, pageGroups } from './pages.ts';
import { Later } from './parts/later.tsx';
import { EmptyState, ErrorBox, Loading } from './parts/notice.tsx';
import { Page } from './parts/page.tsx';
import { Link, useAddress } from './router.tsx';
import { confirmSession, hasRole, type Identity, sessionStore } from './session.ts';
import { shellWords } from './shell-words.ts';
import { SignIn } from './sign-in.tsx';
import { useStore } from './store.ts';
import { useWords } from './words.ts';

const allPages = Object.values(pageGroups).flat();

export function canSee(entry: PageEntry, identity: Identity): boolean {
  if (identity.place_id !== null && entry.unboundOnly === true) return false;
  return hasRole(identity, entry.roles);
}

export function App() {
  const { token, identity, ended } = useStore(sessionStore);
  const client = useQueryClient();
  useEffect(() => {
    if (token === undefined) client.clear();
  }, [token, client]);
  if (token === undefined) return <SignIn reason={ended} />;
  if (identity === undefined) return <Confirm token={token} />;
  return (
    <Layout>
      <CurrentPage identity={identity} />
    </Layout>
  );
}

/** Asks the program whose token it is before anything is shown. */
function Confirm({ token }: { token: string }) {
  const asked = useQuery({
    queryKey: ['identity', token],
    queryFn: ({ signal }) => request<Identity>('/api/tokens/current', { signal }),
  });
  useEffect(() => {
    if (asked.data !== undefined) confirmSession(token, asked.data);
  }, [asked.data, token]);
  const { path } = useAddress();
  useEffect(() => {
    // Most often the token is good, so the page is on its way while that is asked.
    const name = path.split('/')[0] || 'today';
    void allPages
      .find((entry) => entry.name === name)
      ?.page.preload()
      .catch(() => {});
  }, [path]);
  return (
    <main className="centered">
      {asked.isError ? <ErrorBox error={asked.error} onRetry={() => void asked.refetch()} /> : <Loading />}
    </main>
  );
}

function CurrentPage({ identity }: { identity: Identity }) {
  const words = useWords(shellWords);
  const { path } = useAddress();
  const [first = '', ...rest] = path.split('/').map(decodeSegment);
  const visible = allPages.filter((entry) => canSee(entry, identity));
  const entry = first === '' ? visible[0] : allPages.find(({ name }) => name === first);
  if (entry === undefined)
    return (
      <Page title={words.notFound}>
        <EmptyState title={words.notFoundText}>
          <Link to="">{words.toStart}</Link>
        </EmptyState>
      </Page>
    );
  if (!visible.includes(entry))
    return (
      <Page title={words.forbidden}>
        <EmptyState title={words.forbiddenText(entry.roles.join(', '))} />
      </Page>
    );
  return (
    <PageGuard key={path}>
      <Later of={entry.page} properties={{ rest }} waiting={<Loading />} />
    </PageGuard>
  );
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** A page that fails shows why, and leaves the rest of the dashboard standing. */
class PageGuard extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return <ErrorBox error={this.state.error} onRetry={() => this.setState({ error: undefined })} />;
  }
}
