import { CodedError, type Problem } from '../base/errors.ts';
import { problemOf } from '../http/problem.ts';
import { documentWords } from '../sales/document-words.ts';
import type { Incoming, Outcome } from '../sales/sale.ts';

/** One document with what became of it; `outcome` is undefined where the verdict comes later. */
export type Answered = { incoming: Incoming; outcome: Outcome | undefined };

/** `body` is JSON text; `waited` says that `Prefer: wait` was followed. */
export type Answer = { status: number; body: string; waited: boolean };

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
  const large = errors.find((problem) => problem.code === 'body_too_large');
  if (large !== undefined)
    return new CodedError('body_too_large', `${large.message}; send many documents as NDJSON`, { errors });
  const whole = errors.length === 1 && errors[0]!.code === 'not_json';
  const detail = `${errors.length === 1 ? 'one problem' : `${errors.length} problems`}; the journal keeps the document, and it can be corrected and replayed`;
  return new CodedError(whole ? 'not_json' : 'invalid_document', detail, { errors });
}

function refused(error: CodedError, members: Record<string, unknown>, waited: boolean): Answer {
  return { status: error.status, body: JSON.stringify({ ...problemOf(error), ...members }), waited };
}

/** The answer to one document; with `wait` the verdict decides about the status. */
export function answerSingle(answered: Answered, wait: boolean): Answer {
  const { outcome } = answered;
  const id = sourceIdOf(answered.incoming);
  const members = {
    transaction_id: id,
    ...(outcome === undefined ? {} : { position: outcome.position }),
    ...(wait && outcome !== undefined ? { verdict: outcome.verdict } : {}),
  };
  if (isRejected(answered)) return refused(refusal(answered), members, wait && outcome !== undefined);
  if (!wait || outcome === undefined) {
    return { status: 202, body: JSON.stringify({ transaction_id: id, status: 'accepted' }), waited: false };
  }
  if (outcome.verdict === 'conflict' || outcome.verdict === 'stale') {
    const detail =
      outcome.problems[0]?.message ??
      `a newer ${documentWords[answered.incoming.source].version} is registered; this one is kept in the journal`;
    return refused(new CodedError(outcome.verdict, detail, { errors: outcome.problems }), members, true);
  }
  return {
    status: statusByVerdict[outcome.verdict] ?? 200,
    body: JSON.stringify({ transaction_id: id, status: 'accepted', verdict: outcome.verdict }),
    waited: true,
  };
}

/** About half a million accepted documents; what comes after them is counted, and the journal lists it. */
const listedCharacters = 32 * 1024 * 1024;

/**
 * The results of a batch, kept as JSON text as they come: a stream of millions of documents is held as
 * its short results only, and of those as much as an answer can reasonably carry.
 */
export function createBatchAnswer(wait: boolean, listed = listedCharacters) {
  const parts: string[] = [];
  let characters = 0;
  let accepted = 0;
  let rejected = 0;
  let leftOut = 0;
  let allKnown = true;

  function resultOf(answered: Answered, index: number, isRefused: boolean): string {
    const errors = problemsOf(answered);
    return JSON.stringify({
      index,
      transaction_id: sourceIdOf(answered.incoming),
      status: isRefused ? 'rejected' : 'accepted',
      // What is undefined is left out of the text.
      verdict: wait ? answered.outcome?.verdict : undefined,
      errors: isRefused || (wait && errors.length > 0) ? errors : undefined,
    });
  }

  return {
    count: () => accepted + rejected,
    add(list: readonly Answered[]): void {
      const results: string[] = [];
      for (const answered of list) {
        const index = accepted + rejected;
        const isRefused = isRejected(answered);
        if (isRefused) rejected++;
        else accepted++;
        if (answered.outcome === undefined) allKnown = false;
        if (characters >= listed) {
          leftOut++;
          continue;
        }
        const result = resultOf(answered, index, isRefused);
        characters += result.length;
        results.push(result);
      }
      if (results.length > 0) parts.push(results.join(','));
    },
    /** 202 with a result per document, or 422 with the same members where every document is rejected. */
    answer(): Answer {
      const error = new CodedError('invalid_document', 'every document was rejected; the journal keeps them');
      const head = JSON.stringify({
        ...(accepted === 0 ? problemOf(error) : {}),
        accepted,
        rejected,
        ...(leftOut === 0 ? {} : { results_left_out: leftOut }),
      });
      const body = `${head.slice(0, -1)},"results":[${parts.join(',')}]}`;
      return { status: accepted === 0 ? error.status : 202, body, waited: wait && allKnown };
    },
  };
}
