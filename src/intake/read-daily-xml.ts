import { SaxesParser } from 'saxes';
import { quoteText } from './quote-text.ts';
import { RefusedXml } from './refused-xml.ts';

export const fieldNames = ['id', 'name', 'quantity', 'price', 'category'] as const;
export type FieldName = (typeof fieldNames)[number];

/** The text of each field that a product has, without white space around it. */
export type RawProduct = {
  /** Its place in the file, from 1. */
  number: number;
  line: number;
  fields: Map<FieldName, { text: string; line: number }>;
  /** Fields that stand twice. */
  repeated: Set<FieldName>;
};

export type DailyXmlHandlers = {
  root(attributes: Record<string, string>, line: number): void;
  product(product: RawProduct): void;
  /** Whatever the format does not know, by where it stands: part of the content all the same. */
  unknown(where: string, text: string): void;
};

/** A tag, a text, a comment: whatever the parser has to hold whole. */
const maximumTokenCharacters = 64 * 1024;
/** What the parser is given at once: how far past the limit a token can get. */
const sliceCharacters = 16 * 1024;
const maximumDepth = 16;
/** More than any field may have; the rest is not kept, and the length is a problem either way. */
const maximumFieldCharacters = 4_096;

const dtdMessage = 'a document type (DTD) is not read; leave the DOCTYPE out';
const structure = new Set<string>(['sales_data', 'products', 'product']);
const isField = (name: string): name is FieldName => (fieldNames as readonly string[]).includes(name);

/**
 * Reads the XML of one daily file as its text comes, holding one product at most. Throws `RefusedXml` for
 * what is not XML, not the format, or would have to be held whole and is too long.
 */
export class DailyXmlReader {
  private readonly parser = new SaxesParser();
  private readonly handlers: DailyXmlHandlers;
  /** Names of the open elements; only those inside something unknown are not part of the format. */
  private readonly path: { name: string; line: number; isUnknown: boolean }[] = [];
  private product: RawProduct | undefined;
  private text = '';
  private products = 0;
  private hasProducts = false;
  private hasRoot = false;
  private hasDoctype = false;
  private hasContent = false;
  private lastEvent = 0;
  /** The parser's own position is only right while it handles an event. */
  private written = 0;

  constructor(handlers: DailyXmlHandlers) {
    this.handlers = handlers;
    const { parser } = this;
    const event = <T>(handle: (value: T) => void) => {
      return (value: T) => {
        this.lastEvent = parser.position;
        handle(value);
      };
    };
    const addText = event((text: string) => this.addText(text));
    parser.on('error', (error) => this.fail(error));
    parser.on(
      'doctype',
      event(() => this.refuse('dtd_refused', dtdMessage)),
    );
    parser.on(
      'opentag',
      event((tag) => this.open(tag.name, tag.attributes)),
    );
    parser.on(
      'closetag',
      event(() => this.close()),
    );
    parser.on('text', addText);
    parser.on('cdata', addText);
    const pass = event(() => {});
    parser.on('comment', pass);
    parser.on('processinginstruction', pass);
    parser.on('xmldecl', pass);
  }

  get line(): number {
    return this.parser.line;
  }

  write(text: string): void {
    for (let from = 0; from < text.length; from += sliceCharacters) {
      const slice = text.slice(from, from + sliceCharacters);
      this.hasContent ||= /\S/.test(slice);
      this.hasDoctype ||= !this.hasRoot && slice.includes('<!DOCTYPE');
      const nul = slice.indexOf('\u0000');
      this.parser.write(nul === -1 ? slice : slice.slice(0, nul));
      if (nul !== -1) this.refuse('nul_character', 'the text holds a NUL character');
      this.written += slice.length;
      if (this.written - this.lastEvent > maximumTokenCharacters) this.refuseLongToken();
    }
  }

  /** The file is whole: everything that was opened is closed. */
  end(): void {
    if (!this.hasContent) throw new RefusedXml('empty_file', 'the file is empty');
    const inside = this.path.at(-1);
    if (inside !== undefined) {
      const message = `the file ends inside <${quoteText(inside.name)}>, which began in line ${inside.line}: it was cut off; send it whole`;
      this.refuse('truncated', message);
    }
    this.parser.close();
    if (!this.hasProducts)
      throw new RefusedXml('missing', '<sales_data> holds no <products>', undefined, '/products');
  }

  private open(name: string, attributes: Record<string, string>): void {
    const { path, line } = this;
    if (path.length >= maximumDepth)
      this.refuse('too_deep', `elements are nested more than ${maximumDepth} deep`);
    const parent = path.at(-1);
    const isUnknown = parent?.isUnknown === true || !this.isKnown(name, parent?.name);
    if (isUnknown && structure.has(name))
      this.refuse('wrong_nesting', `<${name}> does not stand in <${quoteText(parent!.name)}>`);
    path.push({ name, line, isUnknown });
    if (name === 'sales_data') {
      this.hasRoot = true;
      this.handlers.root(attributes, line);
      return;
    }
    if (name === 'products' && !isUnknown) {
      if (this.hasProducts) this.refuse('wrong_nesting', '<products> stands twice');
      this.hasProducts = true;
    } else if (name === 'product' && !isUnknown) this.openProduct(line);
    else if (!isUnknown) this.text = '';
    for (const [attribute, value] of Object.entries(attributes))
      this.handlers.unknown(`${this.where()}/@${attribute}`, value);
  }

  /** Whether an element is part of the format where it stands; throws where nothing unknown may stand. */
  private isKnown(name: string, parent: string | undefined): boolean {
    switch (parent) {
      case undefined:
        if (name !== 'sales_data')
          this.refuse('wrong_root', `the root is <${quoteText(name)}>; a daily file has <sales_data>`);
        return true;
      case 'sales_data':
        return name === 'products';
      case 'products':
        if (name !== 'product')
          this.refuse(
            'wrong_nesting',
            `<${quoteText(name)}> stands in <products>, where only <product> does`,
          );
        return true;
      case 'product':
        return isField(name);
      default:
        return this.refuse(
          'wrong_nesting',
          `<${quoteText(name)}> stands in <${parent}>, which holds only text`,
        );
    }
  }

  private openProduct(line: number): void {
    this.products++;
    this.product = { number: this.products, line, fields: new Map(), repeated: new Set() };
  }

  private close(): void {
    const closed = this.path.pop();
    const { product } = this;
    if (closed === undefined || closed.isUnknown || product === undefined) return;
    if (closed.name === 'product') {
      this.product = undefined;
      this.handlers.product(product);
    } else if (isField(closed.name)) {
      if (product.fields.has(closed.name)) product.repeated.add(closed.name);
      product.fields.set(closed.name, { text: this.text.trim(), line: closed.line });
    }
  }

  private addText(text: string): void {
    const inside = this.path.at(-1);
    // The parser itself refuses text outside of the root.
    if (inside === undefined) return;
    if (inside.isUnknown) {
      if (/\S/.test(text)) this.handlers.unknown(this.where(), text.trim());
    } else if (!structure.has(inside.name)) {
      if (this.text.length < maximumFieldCharacters) this.text += text;
    } else if (/\S/.test(text))
      this.refuse('wrong_nesting', `text stands in <${inside.name}>, which holds only elements`);
  }

  private where(): string {
    const path = this.path.map(({ name }) => name).join('/');
    return this.product === undefined ? path : `${this.product.number}:${path}`;
  }

  private refuse(code: string, message: string): never {
    throw new RefusedXml(code, message, this.line);
  }

  private fail(error: Error): never {
    const message = error.message.replace(/^\d+:\d+: /, '').replace(/\.$/, '');
    if (/^undefined entity|entity name/.test(message))
      this.refuse(
        'entity_refused',
        'only the five entities of XML (&amp; &lt; &gt; &quot; &apos;) and character references are read',
      );
    if (/character entity/.test(message))
      this.refuse('invalid_character', 'a character reference stands for no character of XML');
    this.refuse('not_well_formed', `this is not well-formed XML: ${message}`);
  }

  private refuseLongToken(): never {
    if (this.hasDoctype && !this.hasRoot) this.refuse('dtd_refused', dtdMessage);
    const inside = this.path.at(-1);
    const where = inside === undefined ? '' : ` inside <${quoteText(inside.name)}>`;
    this.refuse(
      'too_long',
      `a text, tag or comment${where} is over ${maximumTokenCharacters} characters; nothing after it was read`,
    );
  }
}
