/** As far as it is looked at: a JSON schema of objects, arrays and anything else. */
type Shape = {
  properties?: Record<string, Shape>;
  required?: readonly string[];
  items?: Shape | readonly Shape[] | boolean;
};

/** Many tills write null for what they do not know: where a member is optional it counts as left out. */
export function withoutNulls(shape: unknown, value: unknown): unknown {
  const { properties, required = [], items } = shape as Shape;
  if (Array.isArray(value)) {
    const isOfOneShape = items !== undefined && typeof items === 'object' && !Array.isArray(items);
    return isOfOneShape ? value.map((item) => withoutNulls(items, item)) : value;
  }
  if (properties === undefined || value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).flatMap(([name, member]) => {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (known === undefined) return [[name, member]];
    if (member === null && !required.includes(name)) return [];
    return [[name, withoutNulls(known, member)]];
  });
  return Object.fromEntries(members);
}

/** The value as the schema describes it, or undefined. What fits at once, as nearly all do, is checked once. */
export function fitting<T>(
  validator: { Check(value: unknown): value is T },
  shape: unknown,
  value: unknown,
): T | undefined {
  if (validator.Check(value)) return value;
  const known = withoutNulls(shape, value);
  return validator.Check(known) ? known : undefined;
}
