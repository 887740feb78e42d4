import '../styles/manage.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import type { GetTokensAnswer, PostTokensAnswer, PostTokensIdRotateAnswer } from '../api-answers.ts';
import { pageNames } from '../pages.ts';
import { Badge } from '../parts/badge.tsx';
import { ConfirmDialog, Dialog } from '../parts/dialog.tsx';
import { CheckField } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer, EmptyState, ErrorBox } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Pager, useCursor } from '../parts/pager.tsx';
import { Secret } from '../parts/secret.tsx';
import { Table } from '../parts/table.tsx';
import { endSession, useIdentity } from '../session.ts';
import { useWords } from '../words.ts';
import { NewToken, type Token } from './tokens-new.tsx';
import { tokensWords } from './tokens-words.ts';

type Asked = { action: 'create' } | { action: 'rotate' | 'revoke'; token: Token };

/** All tokens, and what may be done with each; a secret is shown once. */
export function TokensPage() {
  const names = useWords(pageNames);
  const words = useWords(tokensWords);
  const [withRevoked, setWithRevoked] = useState(false);
  const [asked, setAsked] = useState<Asked>();
  const [made, setMade] = useState<PostTokensAnswer>();
  const [cursor, move] = useCursor('tokens');
  const client = useQueryClient();
  const tokens = useQuery({
    queryKey: ['tokens', cursor],
    queryFn: ({ signal }) => request<GetTokensAnswer>('/api/tokens/', { query: { cursor }, signal }),
  });
  const close = () => setAsked(undefined);
  const done = (token: Token & { secret?: string }) => {
    close();
    void client.invalidateQueries({ queryKey: ['tokens'] });
    if (token.secret !== undefined) setMade({ ...token, secret: token.secret });
  };
  return (
    <Page
      title={names.tokens}
      lead={words.lead}
      actions={
        <button
          type="button"
          className="button button-primary"
          onClick={() => setAsked({ action: 'create' })}
        >
          <Icon name="plus" />
          {words.create}
        </button>
      }
    >
      <Card
        title={words.list}
        actions={<CheckField label={words.showRevoked} checked={withRevoked} onChange={setWithRevoked} />}
      >
        <Answer of={tokens}>
          {({ results, next_cursor }) => (
            <>
              <TokenTable
                tokens={results.filter((token) => withRevoked || token.revoked_at === null)}
                onAsk={setAsked}
              />
              <Pager cursor={cursor} next={next_cursor} onMove={move} />
            </>
          )}
        </Answer>
      </Card>
      {asked?.action === 'create' && <NewToken onClose={close} onDone={done} />}
      {asked !== undefined && asked.action !== 'create' && (
        <Change action={asked.action} token={asked.token} onClose={close} onDone={done} />
      )}
      {made !== undefined && (
        <Dialog
          title={words.secretTitle(made.name)}
          onClose={() => setMade(undefined)}
          footer={
            <button type="button" className="button button-primary" onClick={() => setMade(undefined)}>
              {words.done}
            </button>
          }
        >
          <Secret label={words.secret} value={made.secret} />
          <p className="muted">{words.use}</p>
        </Dialog>
      )}
    </Page>
  );
}

type TableProperties = { tokens: readonly Token[]; onAsk: (asked: Asked) => void };

function TokenTable({ tokens, onAsk }: TableProperties) {
  const words = useWords(tokensWords);
  const own = useIdentity().token_id;
  if (tokens.length === 0)
    return (
      <EmptyState title={words.none} icon="key">
        {words.noneText}
      </EmptyState>
    );
  const actions = (token: Token) =>
    token.revoked_at === null && (
      <span className="row-actions">
        {(['rotate', 'revoke'] as const).map((action) => (
          <button
            key={action}
            type="button"
            className="button button-small"
            aria-label={action === 'rotate' ? words.rotateOf(token.name) : words.revokeOf(token.name)}
            onClick={() => onAsk({ action, token })}
          >
            {words[action]}
          </button>
        ))}
      </span>
    );
  return (
    <Table
      label={words.list}
      rows={tokens}
      rowKey={({ token_id }) => token_id}
      columns={[
        {
          name: 'name',
          title: words.name,
          cell: (token) => (
            <>
              <strong>{token.name}</strong>{' '}
              {token.token_id === own && <Badge tone="accent">{words.yours}</Badge>}
              <br />
              <code className="muted">{token.token_id}</code>
            </>
          ),
        },
        { name: 'state', title: words.state, cell: (token) => <State token={token} /> },
        { name: 'roles', title: words.roles, cell: ({ roles }) => roles.join(', ') },
        { name: 'place', title: words.place, cell: ({ place_id }) => place_id ?? words.allPlaces },
        { name: 'created', title: words.created, cell: ({ created_at }) => <Moment at={created_at} /> },
        {
          name: 'expires',
          title: words.expires,
          cell: ({ expires_at }) => (expires_at === null ? words.never : <Moment at={expires_at} />),
        },
        { name: 'actions', title: words.actions, cell: actions },
      ]}
    />
  );
}

function State({ token }: { token: Token }) {
  const words = useWords(tokensWords);
  if (token.revoked_at !== null) return <Badge>{words.revoked}</Badge>;
  if (token.expires_at !== null && Date.parse(token.expires_at) < Date.now())
    return <Badge tone="warning">{words.expired}</Badge>;
  return <Badge tone="good">{words.active}</Badge>;
}

type ChangeProperties = {
  action: 'rotate' | 'revoke';
  token: Token;
  onClose: () => void;
  onDone: (token: Token & { secret?: string }) => void;
};

function Change({ action, token, onClose, onDone }: ChangeProperties) {
  const words = useWords(tokensWords);
  const isOwn = useIdentity().token_id === token.token_id;
  const path = `/api/tokens/${encodeURIComponent(token.token_id)}`;
  const change = useMutation({
    mutationFn: () =>
      action === 'rotate'
        ? request<PostTokensIdRotateAnswer>(`${path}/rotate`, { method: 'POST' })
        : request<Token>(path, { method: 'DELETE' }),
    onSuccess: (changed) => (isOwn && action === 'revoke' ? endSession('expired') : onDone(changed)),
  });
  return (
    <ConfirmDialog
      title={action === 'rotate' ? words.rotateOf(token.name) : words.revokeOf(token.name)}
      action={words[action]}
      isBusy={change.isPending}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    >
      <p>{action === 'rotate' ? words.rotateText(token.name) : words.revokeText(token.name)}</p>
      {isOwn && <p>{words.ownText}</p>}
      {change.error !== null && <ErrorBox error={change.error} />}
    </ConfirmDialog>
  );
}
