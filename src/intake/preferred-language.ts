/** RFC 9110: the language that `Accept-Language` likes best of those on offer; the first where it likes none. */
export function preferredLanguage<T extends string>(
  header: string | undefined,
  offered: readonly [T, ...T[]],
): T {
  const liked = (header ?? '').split(',').flatMap((part) => {
    const [range, ...parameters] = part
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/);
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    return [{ language: range!.split('-')[0]!, quality: weight === undefined ? 1 : Number(weight) || 0 }];
  });
  const qualityOf = (language: string) =>
    Math.max(0, ...liked.filter((one) => one.language === language).map((one) => one.quality));
  return offered.reduce((best, next) => (qualityOf(next) > qualityOf(best) ? next : best), offered[0]);
}
