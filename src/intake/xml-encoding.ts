import { quoteText } from './quote-text.ts';
import { RefusedXml } from './refused-xml.ts';

/** An XML declaration stands at the very beginning and is short. */
const declarationBytes = 1024;

/** What we read, by the names that files and headers give it. */
const decoders: Record<string, string> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'us-ascii': 'utf-8',
  ascii: 'utf-8',
  'windows-1251': 'windows-1251',
  cp1251: 'windows-1251',
  'cp-1251': 'windows-1251',
};

export type XmlDecoder = {
  /** The text of the next bytes; characters that are cut in two wait for their rest. */
  decode(bytes: Buffer): string;
  end(): string;
};

/**
 * Bytes as text, by byte order mark, else by what the file itself declares, else by the charset of the
 * request, else as UTF-8. Throws `RefusedXml` where another encoding is named or the bytes are not in it.
 */
export function createXmlDecoder(charset: string | undefined): XmlDecoder {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let decoder: TextDecoder | undefined;
  let name = '';

  function start(): string {
    const head = Buffer.concat(held);
    held = [];
    name = encodingOf(head, charset);
    decoder = new TextDecoder(decoders[name]!, { fatal: true });
    return decodeBy(decoder, head);
  }

  function decodeBy(by: TextDecoder, bytes: Buffer | undefined): string {
    try {
      return bytes === undefined ? by.decode() : by.decode(bytes, { stream: true });
    } catch {
      const message = `the file is not in ${name}, as it says; declare the encoding that it is in`;
      throw new RefusedXml('invalid_encoding', message);
    }
  }

  return {
    decode(bytes) {
      if (decoder !== undefined) return decodeBy(decoder, bytes);
      held.push(bytes);
      heldBytes += bytes.length;
      return heldBytes < declarationBytes ? '' : start();
    },
    end() {
      const text = decoder === undefined ? start() : '';
      return text + decodeBy(decoder!, undefined);
    },
  };
}

function encodingOf(head: Buffer, charset: string | undefined): string {
  const declared = declaredEncoding(head);
  const mark = byteOrderMark(head);
  if (mark !== undefined) {
    if (mark !== 'utf-8') throw unsupported(mark);
    if (declared !== undefined && decoders[declared] !== 'utf-8') {
      const message = `the file begins with the mark of UTF-8 and declares ${quoteText(declared)}; correct one of them`;
      throw new RefusedXml('unsupported_encoding', message, 1);
    }
    return mark;
  }
  const found = declared ?? charset?.toLowerCase() ?? 'utf-8';
  if (!Object.hasOwn(decoders, found)) throw unsupported(found);
  return found;
}

/** UTF-16 shows by its mark, or by the zeros beside the first character. */
function byteOrderMark(head: Buffer): string | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 'utf-8';
  if ((head[0] === 0xfe && head[1] === 0xff) || (head[0] === 0xff && head[1] === 0xfe)) return 'UTF-16';
  if (head.length >= 2 && (head[0] === 0) !== (head[1] === 0)) return 'UTF-16';
  if (head.length >= 4 && head[0] === 0 && head[1] === 0) return 'UTF-32';
  return undefined;
}

/** The declaration itself is ASCII in every encoding that is read here. */
function declaredEncoding(head: Buffer): string | undefined {
  const text = head.subarray(0, declarationBytes).toString('latin1');
  const declaration = /^(?:\u00ef\u00bb\u00bf)?<\?xml\s[^>]*?\sencoding\s*=\s*(?:"([^"]*)"|'([^']*)')/.exec(
    text,
  );
  return (declaration?.[1] ?? declaration?.[2])?.toLowerCase();
}

function unsupported(name: string): RefusedXml {
  const message = `the encoding ${quoteText(name)} is not read; send the file in UTF-8 or windows-1251, and declare it`;
  return new RefusedXml('unsupported_encoding', message, 1);
}
