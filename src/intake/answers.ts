import { CodedError, type Problem } from '../base/errors.ts';
import { problemOf } from '../http/problem.ts';
import type { Incoming } from '../sales/sale.ts';
import type { Answered } from './routes.ts';

export type Answer = { status: number; body: Record<string, unknown>; waited: boolean };

type Result = {
  index: number;
  transaction_id: string | null;
  status: 'accepted' | 'rejected';
  verdict?: string;
  errors?: Problem[];
};

const statusByVerdict: Record<string, number> = {
  accepted: 201,
  corrected: 201,
  duplicate: 200,
  ignored: 200,
};

function sourceIdOf(incoming: Incoming): string | null {
  return (incoming.sale === undefined ? incoming.sourceId : incoming.sale.sourceId) ?? null;
}

function problemsOf(answered: Answered): Problem[] {
  if (answered.outcome !== undefined && answered.outcome.problems.length > 0)
    return answered.outcome.problems;
  return answered.incoming.sale === undefined ? answered.incoming.problems : [];
}

function isRejected(answered: Answered): boolean {
  return (
    answered.outcome?.verdict === 'rejected' ||
    (answered.incoming.sale === undefined && answered.incoming.verdict === 'rejected')
  );
}

function refusal(answered: Answered): CodedError {
  const errors = problemsOf(answered);
  const foreign = errors.find((problem) => problem.code === 'foreign_place');
  if (foreign !== undefined) return new CodedError('foreign_place', foreign.message, { errors });
  const whole = errors.length === 1 && errors[0]!.code === 'not_json';
  const detail = `${errors.length === 1 ? 'one problem' : `${errors.length} problems`}; the journal keeps the document, and it can be corrected and replayed`;
  return new CodedError(whole ? 'not_json' : 'invalid_document', detail, { errors });
}

/** The answer to one document; with `wait` the verdict decides about the status. */
export function answerSingle(answered: Answered, wait: number | undefined): Answer {
  const { outcome } = answered;
  const id = sourceIdOf(answered.incoming);
  const members = { transaction_id: id, ...(outcome === undefined ? {} : { position: outcome.position }) };
  if (isRejected(answered)) {
    const error = refusal(answered);
    return { status: error.status, body: { ...problemOf(error), ...members }, waited: wait !== undefined };
  }
  if (wait === undefined || outcome === undefined) {
    return { status: 202, body: { transaction_id: id, status: 'accepted' }, waited: false };
  }
  if (outcome.verdict === 'conflict' || outcome.verdict === 'stale') {
    const detail =
      outcome.problems[0]?.message ?? 'a newer revision is registered; this one is kept in the journal';
    const error = new CodedError(outcome.verdict, detail, { errors: outcome.problems });
    return {
      status: error.status,
      body: { ...problemOf(error), verdict: outcome.verdict, ...members },
      waited: true,
    };
  }
  return {
    status: statusByVerdict[outcome.verdict] ?? 200,
    body: { transaction_id: id, status: 'accepted', verdict: outcome.verdict },
    waited: true,
  };
}

/** The answer to a batch: 202 with a result per document, or 422 where every document is rejected. */
export function answerBatch(list: readonly Answered[], wait: number | undefined): Answer {
  const results = list.map((answered, index): Result => {
    const rejected = isRejected(answered);
    const errors = problemsOf(answered);
    return {
      index,
      transaction_id: sourceIdOf(answered.incoming),
      status: rejected ? 'rejected' : 'accepted',
      ...(wait === undefined || answered.outcome === undefined ? {} : { verdict: answered.outcome.verdict }),
      ...(rejected || (wait !== undefined && errors.length > 0) ? { errors } : {}),
    };
  });
  const rejected = results.filter((result) => result.status === 'rejected').length;
  const body = { accepted: results.length - rejected, rejected, results };
  if (rejected < results.length) return { status: 202, body, waited: wait !== undefined };
  const error = new CodedError('invalid_document', 'every document was rejected; the journal keeps them');
  return { status: error.status, body: { ...problemOf(error), ...body }, waited: wait !== undefined };
}
