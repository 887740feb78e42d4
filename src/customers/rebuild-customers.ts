import { counterTables } from './apply-counts.ts';
import { type ApplyRuleDeps, applyRule } from './apply-tag-rule.ts';
import { type CustomersDeps, createCustomersFollower, customersLock } from './follow-customers.ts';

/**
 * What a rebuild of the marts does for the customers: counters grow beside the old ones by the same follower,
 * are swapped in with the marts, and then every rule is asked again. No events; sticky tags stay.
 */
export function createCustomersRebuild(deps: CustomersDeps & ApplyRuleDeps) {
  const follower = createCustomersFollower({ ...deps, schema: 'cdm_next' });
  return {
    tables: counterTables,
    follower: 'customers',
    lock: customersLock,
    async catchUp(): Promise<void> {
      // Under load there is always another row; a step that is not full has caught up.
      for (let done = follower.rowsPerStep; done >= follower.rowsPerStep; ) done = await follower.step();
    },
    async afterSwap(): Promise<void> {
      const { rows } = await deps.pool.query<{ rule_id: number }>(
        'select rule_id from ops.tag_rule where deleted_at is null order by rule_id',
      );
      for (const { rule_id: ruleId } of rows) await applyRule(deps, { ruleId, silent: true });
    },
  };
}
