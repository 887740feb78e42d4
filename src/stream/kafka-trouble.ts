/** What went wrong beneath an error of the Kafka client, and what to do about it; holds no secret. */
export function explainKafkaTrouble(error: unknown): string {
  const reasons = reasonsOf(error);
  const all = reasons.join('; ');
  return `${reasons.at(-1)}; ${adviceOn(all)}`;
}

/** From the whole to the cause; of several causes the first, since every broker says the same. */
function reasonsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  const [first] = (error as AggregateError).errors ?? [];
  const below = first ?? error.cause;
  const { apiId } = error as { apiId?: string };
  const reason = apiId === undefined ? error.message : `${apiId}: ${error.message}`;
  return below === undefined ? [reason] : [reason, ...reasonsOf(below)];
}

function adviceOn(reasons: string): string {
  if (/SASL_AUTHENTICATION_FAILED/.test(reasons))
    return 'correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, or KAFKA_SASL_MECHANISM';
  if (/certificate|altname|issuer|self.signed/i.test(reasons))
    return 'set KAFKA_CA_FILE to the certificate of who signed that of the brokers, and name them in KAFKA_BROKERS as it does';
  if (/TLS handshake failed|before secure TLS/i.test(reasons))
    return 'KAFKA_TLS and KAFKA_CA_FILE are for brokers with TLS, and are to be left out for those without';
  if (/SASL|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE/i.test(reasons))
    return 'set KAFKA_SASL_MECHANISM to one that the brokers offer, and KAFKA_TLS=true where they ask for TLS';
  if (/AUTHORIZATION_FAILED/.test(reasons))
    return 'allow the user of KAFKA_SASL_USERNAME to read, write and describe the topics, and to use transactional ids that begin with tillstream-';
  if (/UNKNOWN_TOPIC/.test(reasons)) return 'make the topic, or let the program make it';
  if (/Connection closed/.test(reasons))
    return 'brokers that ask for TLS need KAFKA_TLS=true, those that ask for a password KAFKA_SASL_MECHANISM';
  return 'check KAFKA_BROKERS and that the brokers run';
}
