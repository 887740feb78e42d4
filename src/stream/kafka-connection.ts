import { isIP } from 'node:net';
import type { KafkaConfig } from '../cluster-config.ts';

const hostOf = (broker: string) => broker.slice(0, broker.lastIndexOf(':')).replace(/^\[|\]$/g, '');

/** What every producer, consumer and admin client of `@platformatic/kafka` is made with. */
export function kafkaConnection(kafka: KafkaConfig, clientId: string) {
  const { brokers, tls, ca, sasl } = kafka;
  // Behind one address there may be several brokers, told apart by the name that is asked for; TLS takes no
  // number for a name.
  const isNamed = brokers.every((broker) => isIP(hostOf(broker)) === 0);
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    ...(tls ? { tls: ca === undefined ? {} : { ca }, tlsServerName: isNamed } : {}),
    ...(sasl === undefined ? {} : { sasl }),
  };
}
