/** How a value is written in a file, and what the document says instead. */

/** A field that cannot be filled, by its pointer in the document; `text` is what stands in the file. */
export type FieldTrouble = { pointer: string; message: string; text?: string };

/** A document that cannot be made: it is rejected, the import goes on. */
export class RowTrouble extends Error {
  /** What stands in the file where it could not be read as said. */
  readonly text: string | undefined;
  /** Of a whole document: each field, and the document as far as it goes, with the texts of the file in them. */
  readonly fields: FieldTrouble[];
  readonly draft: Buffer | undefined;

  constructor(message: string, found: { text?: string; fields?: FieldTrouble[]; draft?: Buffer } = {}) {
    super(message);
    this.text = found.text;
    this.fields = found.fields ?? [];
    this.draft = found.draft;
  }
}

const parts: Record<string, string> = {
  YYYY: '(?<year>\\d{4})',
  MM: '(?<month>\\d\\d?)',
  DD: '(?<day>\\d\\d?)',
  HH: '(?<hour>\\d\\d?)',
  hh: '(?<hour>\\d\\d?)',
  mm: '(?<minute>\\d\\d)',
  ss: '(?<second>\\d\\d(?:\\.\\d+)?)',
  A: '(?<half>[AaPp][Mm])',
};
const anyPart = /YYYY|MM|DD|HH|hh|mm|ss|A/g;

/** What is wrong with a pattern such as `DD.MM.YYYY HH:mm`; undefined where nothing is. */
export function dateTrouble(pattern: string): string | undefined {
  const found: string[] = pattern.match(anyPart) ?? [];
  for (const part of ['YYYY', 'MM', 'DD'])
    if (!found.includes(part)) return `"${pattern}" has no ${part}; an example is DD.MM.YYYY HH:mm:ss`;
  if (found.includes('hh') !== found.includes('A')) return `"${pattern}" needs hh and A together, or HH`;
  const hours = found.includes('HH') && found.includes('hh');
  if (hours || new Set(found).size < found.length) return `"${pattern}" has a part twice`;
  return undefined;
}

/** Reads a time written in some other way as ISO 8601 without offset; one without a time of day is midnight. */
export function dateReader(pattern: string): (text: string) => string {
  const expression = pattern.replace(/[.*+?^${}()[\]\\|/]/g, '\\$&').replace(anyPart, (part) => parts[part]!);
  const matcher = new RegExp(`^${expression}$`);
  return (text) => {
    const found = matcher.exec(text.trim())?.groups;
    if (found === undefined) throw new RowTrouble(`"${text}" is not written as ${pattern}`, { text });
    const two = (value: string | undefined) => (value ?? '0').padStart(2, '0');
    let hour = found.hour;
    if (found.half !== undefined && hour !== undefined)
      hour = String((Number(hour) % 12) + (found.half.toLowerCase() === 'pm' ? 12 : 0));
    return `${found.year}-${two(found.month)}-${two(found.day)}T${two(hour)}:${two(found.minute)}:${two(found.second)}`;
  };
}

const spaces = /[\s\u00a0\u202f']/g;

/** Reads `1 234,50` or `1.234,50` (mark `,`), or `1,234.50` (mark `.`), as a plain decimal. */
export function decimalReader(mark: ',' | '.'): (text: string) => string {
  const [decimal, thousands] = mark === ',' ? [',', '\\.'] : ['\\.', ','];
  const matcher = new RegExp(`^([+-]?)(\\d+|\\d{1,3}(?:${thousands}\\d{3})+)(?:${decimal}(\\d+))?$`);
  return (text) => {
    const found = matcher.exec(text.replaceAll(spaces, ''));
    if (found === null)
      throw new RowTrouble(`"${text}" is not a number with the decimal mark "${mark}"`, { text });
    const whole = found[2]!.replaceAll(/[.,]/g, '');
    return `${found[1] === '-' ? '-' : ''}${whole}${found[3] === undefined ? '' : `.${found[3]}`}`;
  };
}

export function readInteger(text: string): number {
  const value = Number(text);
  if (!/^\s*-?\d+\s*$/.test(text) || !Number.isSafeInteger(value))
    throw new RowTrouble(`"${text}" is not a whole number`, { text });
  return value;
}
