import '../styles/manage.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import { type Format, useFormat } from '../format.ts';
import { pageNames } from '../pages.ts';
import { Badge } from '../parts/badge.tsx';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer, EmptyState, ErrorBox } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Table } from '../parts/table.tsx';
import { Link } from '../router.tsx';
import { useWords } from '../words.ts';
import { EditTag, type TagRule } from './tags-edit.tsx';
import { tagsWords } from './tags-words.ts';

type Asked = { rule: TagRule | undefined; action: 'edit' | 'remove' };
type Words = ReturnType<typeof useWords<(typeof tagsWords)['en']>>;

const lookEveryMs = 2_000;

/** The rules by which customers are tagged. */
export function TagsPage() {
  const names = useWords(pageNames);
  const words = useWords(tagsWords);
  const client = useQueryClient();
  const [asked, setAsked] = useState<Asked>();
  const rules = useQuery({
    queryKey: ['tag-rules'],
    queryFn: ({ signal }) =>
      request<{ results: TagRule[] }>('/api/tag-rules/', { query: { limit: 1000 }, signal }),
    // Until every rule is applied to the customers there are.
    refetchInterval: ({ state }) =>
      state.data?.results.some(({ is_applied }) => !is_applied) === true ? lookEveryMs : false,
  });
  const done = () => {
    setAsked(undefined);
    void client.invalidateQueries({ queryKey: ['tag-rules'] });
    void client.invalidateQueries({ queryKey: ['customers'] });
  };
  const create = (
    <button
      type="button"
      className="button button-primary"
      onClick={() => setAsked({ rule: undefined, action: 'edit' })}
    >
      <Icon name="plus" />
      {words.create}
    </button>
  );
  return (
    <Page title={names.tags} lead={words.lead} actions={create}>
      <Card title={words.list}>
        <Answer of={rules}>
          {({ results }) =>
            results.length === 0 ? (
              <EmptyState title={words.none} icon="tag">
                {words.noneText}
              </EmptyState>
            ) : (
              <RuleTable rules={results} onAsk={setAsked} />
            )
          }
        </Answer>
      </Card>
      {asked?.action === 'edit' && (
        <EditTag rule={asked.rule} onClose={() => setAsked(undefined)} onDone={done} />
      )}
      {asked?.action === 'remove' && asked.rule !== undefined && (
        <RemoveTag rule={asked.rule} onClose={() => setAsked(undefined)} onDone={done} />
      )}
    </Page>
  );
}

/** `more than 10 orders in the category pizza, last 30 days` */
function describeRule(rule: TagRule, words: Words, format: Format): string {
  const { scope, match, metric, threshold, window_days, currency } = rule;
  const what = { category: words.describeCategory(match), product: words.describeProduct(match), total: '' }[
    scope
  ];
  const window = window_days === null ? '' : words.describeWindow(window_days);
  if (metric !== 'spent') return words.describe[metric](threshold, what, window);
  const amount = currency === null ? format.number(threshold) : format.money(threshold, currency);
  return words.describe.spent(amount, what, window);
}

function RuleTable({ rules, onAsk }: { rules: readonly TagRule[]; onAsk: (asked: Asked) => void }) {
  const words = useWords(tagsWords);
  const format = useFormat();
  return (
    <Table
      label={words.list}
      rows={rules}
      rowKey={({ rule_id }) => String(rule_id)}
      columns={[
        { name: 'tag', title: words.tag, cell: ({ tag }) => <Badge tone="accent">{tag}</Badge> },
        {
          name: 'rule',
          title: words.rule,
          cell: (rule) => (
            <>
              {describeRule(rule, words, format)}
              {rule.sticky && <span className="muted"> · {words.stays}</span>}
            </>
          ),
        },
        {
          name: 'state',
          title: words.state,
          cell: ({ is_applied }) => (
            <Badge tone={is_applied ? 'good' : 'neutral'}>
              {is_applied ? words.applied : words.applying}
            </Badge>
          ),
        },
        { name: 'changed', title: words.changed, cell: ({ updated_at }) => <Moment at={updated_at} /> },
        {
          name: 'actions',
          title: words.actions,
          cell: (rule) => (
            <span className="row-actions">
              <Link
                className="button button-small"
                to={`customers?tag=${encodeURIComponent(rule.tag)}`}
                aria-label={words.customersOf(rule.tag)}
              >
                {words.customers}
              </Link>
              <button
                type="button"
                className="button button-small"
                aria-label={words.editOf(rule.tag)}
                onClick={() => onAsk({ rule, action: 'edit' })}
              >
                {words.edit}
              </button>
              <button
                type="button"
                className="button button-small"
                aria-label={words.removeOf(rule.tag)}
                onClick={() => onAsk({ rule, action: 'remove' })}
              >
                {words.remove}
              </button>
            </span>
          ),
        },
      ]}
    />
  );
}

function RemoveTag({ rule, onClose, onDone }: { rule: TagRule; onClose: () => void; onDone: () => void }) {
  const words = useWords(tagsWords);
  const remove = useMutation({
    mutationFn: () => request(`/api/tag-rules/${rule.rule_id}`, { method: 'DELETE' }),
    onSuccess: onDone,
  });
  return (
    <ConfirmDialog
      title={words.removeOf(rule.tag)}
      action={words.remove}
      isBusy={remove.isPending}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>{words.removeText(rule.tag)}</p>
      {remove.error !== null && <ErrorBox error={remove.error} />}
    </ConfirmDialog>
  );
}
