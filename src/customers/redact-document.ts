/** Members that speak of a person: `customer_id`, `customer_name`, `user: {id, name}`. */
const personal = /customer|user|client|guest|buyer/i;

type Members = Record<string, unknown>;

/**
 * The same document with another id for a person, or with none, and without what stands beside it (name,
 * telephone). Undefined where it does not name the person. An id is only looked for where a person is spoken
 * of, since a product may have the same.
 */
export function redactDocument(
  document: unknown,
  isPerson: (id: string) => boolean,
  replacement: string | undefined,
): unknown {
  let isFound = false;

  function redactMembers(members: Members, ofPerson: boolean): Members {
    const isId = ([name, value]: [string, unknown]) =>
      typeof value === 'string' && (ofPerson || personal.test(name)) && isPerson(value);
    const entries = Object.entries(members);
    const named = entries.some(isId);
    isFound ||= named;
    const result: Members = {};
    for (const entry of entries) {
      const [name, value] = entry;
      if (isId(entry)) {
        if (replacement !== undefined) result[name] = replacement;
      } else if (value !== null && typeof value === 'object')
        result[name] = redact(value, ofPerson || personal.test(name));
      else if (!named || !(ofPerson || personal.test(name))) result[name] = value;
    }
    return result;
  }

  function redact(value: unknown, ofPerson: boolean): unknown {
    if (Array.isArray(value)) return value.map((one) => redact(one, ofPerson));
    if (value === null || typeof value !== 'object') return value;
    return redactMembers(value as Members, ofPerson);
  }

  const redacted = redact(document, false);
  return isFound ? redacted : undefined;
}

/** The same of bytes; undefined also where they are no JSON. */
export function redactBody(
  body: Buffer,
  isPerson: (id: string) => boolean,
  replacement: string | undefined,
): Buffer | undefined {
  let document: unknown;
  try {
    document = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  const redacted = redactDocument(document, isPerson, replacement);
  return redacted === undefined ? undefined : Buffer.from(JSON.stringify(redacted));
}
