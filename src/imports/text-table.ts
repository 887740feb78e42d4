/**
 * Texts by key, in one flat buffer with a table of offsets: a million short rows take some 40 MB outside the
 * heap, where a `Map` of strings takes several times that and is walked by every garbage collection.
 */
export class TextTable {
  /** Offset of an entry plus one; 0 where there is none. */
  private slots = new Uint32Array(1 << 10);
  private text = Buffer.allocUnsafe(1 << 14);
  private end = 0;
  private size = 0;

  /** Held for the texts, without their table. */
  get bytes(): number {
    return this.end;
  }

  get(key: string): string | undefined {
    const entry = this.slots[this.slotOf(key)]!;
    return entry === 0 ? undefined : this.valueAt(entry - 1);
  }

  /** Answers the value that is there already, and then changes nothing. */
  add(key: string, value: string): string | undefined {
    if (this.size * 2 >= this.slots.length) this.grow();
    const slot = this.slotOf(key);
    const entry = this.slots[slot]!;
    if (entry !== 0) return this.valueAt(entry - 1);
    this.slots[slot] = this.append(key, value) + 1;
    this.size++;
    return undefined;
  }

  /** Lengths of key and value in bytes, then both. */
  private append(key: string, value: string): number {
    const keyBytes = Buffer.byteLength(key);
    const valueBytes = Buffer.byteLength(value);
    const start = this.end;
    this.end += 8 + keyBytes + valueBytes;
    if (this.end >= 2 ** 32) throw new RangeError('a table of texts is limited to 4 GiB');
    if (this.end > this.text.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.text.length * 2, this.end));
      this.text.copy(larger, 0, 0, start);
      this.text = larger;
    }
    this.text.writeUInt32LE(keyBytes, start);
    this.text.writeUInt32LE(valueBytes, start + 4);
    this.text.write(key, start + 8);
    this.text.write(value, start + 8 + keyBytes);
    return start;
  }

  private keyAt(offset: number): string {
    return this.text.toString('utf8', offset + 8, offset + 8 + this.text.readUInt32LE(offset));
  }

  private valueAt(offset: number): string {
    const start = offset + 8 + this.text.readUInt32LE(offset);
    return this.text.toString('utf8', start, start + this.text.readUInt32LE(offset + 4));
  }

  private slotOf(key: string): number {
    const mask = this.slots.length - 1;
    let slot = hashOf(key) & mask;
    for (let entry = this.slots[slot]!; entry !== 0; entry = this.slots[slot]!) {
      if (this.keyAt(entry - 1) === key) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Uint32Array(old.length * 2);
    const mask = this.slots.length - 1;
    for (const entry of old) {
      if (entry === 0) continue;
      let slot = hashOf(this.keyAt(entry - 1)) & mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
      this.slots[slot] = entry;
    }
  }
}

/** FNV-1a over the code units, its bits mixed so that the low ones tell numbers in a row apart. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
