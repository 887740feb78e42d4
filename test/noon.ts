/**
 * A zone where it is between noon and one o'clock when a test file starts: what is sold "today" there stays of
 * today while the file runs, at whatever hour that is.
 */
export const noonZone = zoneWithHour(12);

/** Now in that zone, as a till without a zone writes it; `msAgo` before. */
export function noonTime(msAgo = 0): string {
  const at = Temporal.Instant.fromEpochMilliseconds(Date.now() - msAgo).toZonedDateTimeISO(noonZone);
  return at.toPlainDateTime().toString({ smallestUnit: 'second' });
}

export const noonDate = (): string => noonTime().slice(0, 10);

function zoneWithHour(hour: number): string {
  const ahead = hour - new Date().getUTCHours();
  // Such names count westwards: https://github.com/eggert/tz/blob/main/etcetera
  return `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
}
