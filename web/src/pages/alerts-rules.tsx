import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import type { GetAlertRulesAnswer } from '../api-answers.ts';
import { type Format, useFormat } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Answer, EmptyState, ErrorBox } from '../parts/notice.tsx';
import { Card } from '../parts/page.tsx';
import { Table } from '../parts/table.tsx';
import { Link } from '../router.tsx';
import { useWords } from '../words.ts';
import { AlertsFrame } from './alerts.tsx';
import { showFigure } from './alerts-figures.ts';
import type { AlertRule } from './alerts-rule-draft.ts';
import { EditRule } from './alerts-rule-form.tsx';
import { ruleWords } from './alerts-rule-words.ts';
import { alertsWords } from './alerts-words.ts';

type Asked = { rule: AlertRule | undefined; action: 'edit' | 'remove' };

/** The rules by which alerts fire. */
export function AlertRules() {
  const words = useWords(ruleWords);
  const client = useQueryClient();
  const [asked, setAsked] = useState<Asked>();
  const rules = useQuery({
    queryKey: ['alert-rules'],
    queryFn: ({ signal }) =>
      request<GetAlertRulesAnswer>('/api/alert-rules/', { query: { limit: 1000 }, signal }),
  });
  const close = () => setAsked(undefined);
  const done = () => {
    close();
    void client.invalidateQueries({ queryKey: ['alert-rules'] });
    void client.invalidateQueries({ queryKey: ['alerts'] });
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
    <AlertsFrame current="alerts/rules" actions={create}>
      <Card title={words.list}>
        <Answer of={rules}>
          {({ results }) =>
            results.length === 0 ? (
              <EmptyState title={words.none} icon="bell">
                {words.noneText}
              </EmptyState>
            ) : (
              <RuleTable rules={results} onAsk={setAsked} />
            )
          }
        </Answer>
      </Card>
      {asked?.action === 'edit' && <EditRule rule={asked.rule} onClose={close} onDone={done} />}
      {asked?.action === 'remove' && asked.rule !== undefined && (
        <RemoveRule rule={asked.rule} onClose={close} onDone={done} />
      )}
    </AlertsFrame>
  );
}

type Words = ReturnType<typeof useWords<(typeof ruleWords)['en']>>;
type AlertWords = ReturnType<typeof useWords<(typeof alertsWords)['en']>>;

/** `Net under ₽1,000 · 60 min · each place` */
function describeRule(rule: AlertRule, words: Words, alertWords: AlertWords, format: Format): string {
  const { kind, metric, below, above, currency, window_minutes, place_id, product_id, category } = rule;
  const limit = (value: number) =>
    kind === 'change'
      ? words.usualBy(format.change(value))
      : showFigure(format, alertWords, metric, value, currency);
  const bound =
    below !== null ? words.lowerThan(limit(below)) : above === null ? '' : words.higherThan(limit(above));
  const parts = [
    `${alertWords.metrics[metric] ?? metric} ${bound}`.trim(),
    words.minutes(format.number(window_minutes)),
    product_id ?? category ?? '',
    kind === 'audit' || kind === 'lag' ? '' : (place_id ?? words.scopes[rule.scope]),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

function RuleTable({ rules, onAsk }: { rules: readonly AlertRule[]; onAsk: (asked: Asked) => void }) {
  const words = useWords(ruleWords);
  const alertWords = useWords(alertsWords);
  const format = useFormat();
  return (
    <Table
      label={words.list}
      rows={rules}
      rowKey={({ rule_id }) => String(rule_id)}
      columns={[
        {
          name: 'name',
          title: words.rule,
          cell: (rule) => (
            <>
              <strong>{rule.name}</strong>
              <br />
              <span className="muted">{describeRule(rule, words, alertWords, format)}</span>
            </>
          ),
        },
        { name: 'kind', title: words.kind, cell: ({ kind }) => alertWords.kinds[kind] },
        { name: 'state', title: words.state, cell: (rule) => <RuleState rule={rule} /> },
        {
          name: 'channels',
          title: alertWords.channels,
          cell: ({ channels }) => (channels.length === 0 ? '–' : channels.join(', ')),
        },
        { name: 'actions', title: words.actions, cell: (rule) => <RuleActions rule={rule} onAsk={onAsk} /> },
      ]}
    />
  );
}

const isMuted = ({ muted_until }: AlertRule) => muted_until !== null && Date.parse(muted_until) > Date.now();

function RuleState({ rule }: { rule: AlertRule }) {
  const words = useWords(ruleWords);
  const format = useFormat();
  if (!rule.enabled) return <Badge>{words.off}</Badge>;
  if (isMuted(rule)) return <Badge tone="warning">{words.muted(format.moment(rule.muted_until!))}</Badge>;
  return <Badge tone="good">{words.on}</Badge>;
}

function RuleActions({ rule, onAsk }: { rule: AlertRule; onAsk: (asked: Asked) => void }) {
  const words = useWords(ruleWords);
  const client = useQueryClient();
  const { rule_id, created_at: _, updated_at: __, ...body } = rule;
  const unmute = useMutation({
    mutationFn: () =>
      request(`/api/alert-rules/${rule_id}`, { method: 'PUT', body: { ...body, muted_until: null } }),
    onSettled: () => void client.invalidateQueries({ queryKey: ['alert-rules'] }),
  });
  return (
    <>
      <span className="row-actions">
        <Link
          className="button button-small"
          to={`alerts?rule_id=${rule_id}`}
          aria-label={words.alertsOf(rule.name)}
        >
          {words.alerts}
        </Link>
        {isMuted(rule) && (
          <button
            type="button"
            className="button button-small"
            aria-label={words.unmuteOf(rule.name)}
            onClick={() => unmute.mutate()}
          >
            {words.unmute}
          </button>
        )}
        {(['edit', 'remove'] as const).map((action) => (
          <button
            key={action}
            type="button"
            className="button button-small"
            aria-label={action === 'edit' ? words.editOf(rule.name) : words.removeOf(rule.name)}
            onClick={() => onAsk({ rule, action })}
          >
            {words[action]}
          </button>
        ))}
      </span>
      {unmute.error !== null && <ErrorBox error={unmute.error} />}
    </>
  );
}

function RemoveRule({ rule, onClose, onDone }: { rule: AlertRule; onClose: () => void; onDone: () => void }) {
  const words = useWords(ruleWords);
  const remove = useMutation({
    mutationFn: () => request(`/api/alert-rules/${rule.rule_id}`, { method: 'DELETE' }),
    onSuccess: onDone,
  });
  return (
    <ConfirmDialog
      title={words.removeOf(rule.name)}
      action={words.remove}
      isBusy={remove.isPending}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>{words.removeText}</p>
      {remove.error !== null && <ErrorBox error={remove.error} />}
    </ConfirmDialog>
  );
}
