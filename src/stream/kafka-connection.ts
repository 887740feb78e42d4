import type { KafkaConfig } from '../cluster-config.ts';

/** What every producer, consumer and admin client of `@platformatic/kafka` is made with. */
export function kafkaConnection(kafka: KafkaConfig, clientId: string) {
  const { brokers, tls, ca, sasl } = kafka;
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    ...(tls ? { tls: ca === undefined ? {} : { ca } } : {}),
    ...(sasl === undefined ? {} : { sasl }),
  };
}
