import { problemOf } from '../field-problems.ts';
import { SelectField, TextField } from '../parts/field.tsx';
import { useWords } from '../words.ts';
import { isMoney } from './alerts-figures.ts';
import { hasPlaces, isOfSales, metricsOf, type RuleDraft } from './alerts-rule-draft.ts';
import { ruleWords } from './alerts-rule-words.ts';
import { alertsWords } from './alerts-words.ts';

type Properties = { draft: RuleDraft; error: unknown; onChange: (changes: Partial<RuleDraft>) => void };

/** What a rule of its kind asks for: the figure, where, how long, and the limit. */
export function RuleFields({ draft, error, onChange }: Properties) {
  const words = useWords(ruleWords);
  const { metrics } = useWords(alertsWords);
  const offered = metricsOf[draft.kind];
  return (
    <>
      <div className="form-row">
        {offered.length > 1 && (
          <SelectField
            {...{ label: words.metric, value: draft.metric, problem: problemOf(error, 'metric') }}
            onChange={(metric) => onChange({ metric })}
            choices={offered.map((value) => ({ value, label: metrics[value] ?? value }))}
          />
        )}
        <Limit {...{ draft, error, onChange }} />
      </div>
      {hasPlaces(draft.kind) && <Target {...{ draft, error, onChange }} />}
      <div className="form-row">
        <TextField
          {...{ label: words.window, type: 'number', min: '5', value: draft.window, required: true }}
          {...(isOfSales(draft.kind) ? { hint: words.windowHint } : {})}
          onChange={(window) => onChange({ window })}
          problem={problemOf(error, 'window_minutes')}
        />
        <TextField
          {...{ label: words.cooldown, type: 'number', min: '0', value: draft.cooldown, required: true }}
          onChange={(cooldown) => onChange({ cooldown })}
          problem={problemOf(error, 'cooldown_minutes')}
        />
      </div>
    </>
  );
}

/** Silence is learned and has none; what can only be too high has no direction. */
function Limit({ draft, error, onChange }: Properties) {
  const words = useWords(ruleWords);
  const { kind, direction } = draft;
  if (kind === 'silence') return null;
  const isPercent = kind === 'change' || draft.metric === 'refund_rate';
  const label = isPercent ? words.limitPercent : kind === 'lag' ? words.limitSeconds : words.limit;
  return (
    <>
      {isOfSales(kind) && (
        <SelectField
          {...{ label: words.direction, value: direction }}
          onChange={(chosen) => onChange({ direction: chosen })}
          choices={(['below', 'above'] as const).map((value) => ({ value, label: words.directions[value] }))}
        />
      )}
      <TextField
        {...{ label, type: 'number', step: 'any', value: draft.limit, required: true }}
        onChange={(limit) => onChange({ limit })}
        problem={problemOf(error, 'below') ?? problemOf(error, 'above')}
      />
    </>
  );
}

function Target({ draft, error, onChange }: Properties) {
  const words = useWords(ruleWords);
  const scopes = (['each_place', 'all_places', 'place'] as const).filter(
    (scope) => scope !== 'all_places' || draft.kind !== 'silence',
  );
  return (
    <>
      <div className="form-row">
        <SelectField
          {...{ label: words.watch, value: draft.scope, problem: problemOf(error, 'scope') }}
          onChange={(scope) => onChange({ scope })}
          choices={scopes.map((value) => ({ value, label: words.scopes[value] }))}
        />
        {draft.scope === 'place' && (
          <TextField
            {...{ label: words.place, value: draft.place, required: true }}
            onChange={(place) => onChange({ place })}
            problem={problemOf(error, 'place_id')}
          />
        )}
        {isMoney(draft.metric) && (
          <TextField
            {...{ label: words.currency, value: draft.currency, placeholder: 'RUB' }}
            onChange={(currency) => onChange({ currency: currency.toUpperCase() })}
            problem={problemOf(error, 'currency')}
          />
        )}
      </div>
      {isOfSales(draft.kind) && (
        <div className="form-row">
          <TextField
            {...{ label: words.category, value: draft.category }}
            onChange={(category) => onChange({ category })}
            problem={problemOf(error, 'category')}
          />
          <TextField
            {...{ label: words.product, hint: words.productHint, value: draft.product }}
            onChange={(product) => onChange({ product })}
            problem={problemOf(error, 'product_id')}
          />
        </div>
      )}
    </>
  );
}
