/*
 * The only reader of encoded Protobuf messages by hand.
 *
 * Problem: each change of a cell is read by every gateway and master, and most of them need two fields of a
 * task, or a part of its bytes. A decoder builds the whole record, and a BinaryReader for each record costs
 * more than the read itself.
 * Figure: none was recorded for the scanner alone.
 * Benchmark: `npm run bench -- observe` (events per second), `-- schedule` (placements per second).
 * Off: `BERTH_STORE_TUNING=off` decodes each record with the generated code instead.
 */

/** The wire types of Protobuf that are in use. */
const wireTypes = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

/** Returns the tag of a field that holds a text, bytes or a message. */
export function tagOf(field: number): number {
  return (field << 3) | wireTypes.lengthDelimited;
}

/**
 * Scans the fields of an encoded message, and enters the nested messages that its caller chooses. It creates
 * no garbage.
 */
export class ProtobufScanner {
  /** The number of the current field. */
  field = 0;
  /** The position of its tag, and the position after its last byte. */
  start = 0;
  end = 0;
  /** Its value, if it is a number. */
  value = 0;
  /** True after a field that does not end within its message, or has an unknown wire type. */
  isBroken = false;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Goes to the contents of the next field before `end`. False if there is none, or the bytes are broken. */
  next(end: number): boolean {
    if (this.isBroken || this.#at >= end) {
      this.isBroken ||= this.#at > end;
      return false;
    }
    this.start = this.#at;
    const tag = this.#varint();
    this.field = tag >>> 3;
    this.end = this.#endOf(tag & 7);
    // A NaN, for an unknown wire type, is broken, too.
    this.isBroken ||= this.field === 0 || !(this.end <= end);
    return !this.isBroken;
  }

  /** Passes the current field. */
  skip(): void {
    this.#at = this.end;
  }

  /** Passes the fields of the current message, and checks each of them. */
  skipFields(end: number): void {
    while (this.next(end)) this.skip();
  }

  /** Returns the current field's text, and passes it. */
  text(): string {
    const { buffer, byteOffset } = this.#bytes;
    const text = Buffer.from(buffer, byteOffset + this.#at, this.end - this.#at).toString();
    this.skip();
    return text;
  }

  /** Returns the current field's contents without a copy, and passes it. */
  contents(): Uint8Array {
    const contents = this.#bytes.subarray(this.#at, this.end);
    this.skip();
    return contents;
  }

  #endOf(wireType: number): number {
    if (wireType === wireTypes.lengthDelimited) {
      const length = this.#varint();
      return this.#at + length;
    }
    if (wireType === wireTypes.varint) {
      this.value = this.#varint();
      return this.#at;
    }
    if (wireType === wireTypes.fixed64) return this.#at + 8;
    return wireType === wireTypes.fixed32 ? this.#at + 4 : Number.NaN;
  }

  /** Broken for a number that JavaScript cannot hold exactly, and if the bytes end in it. */
  #varint(): number {
    // Most tags and lengths, and all states, take one byte.
    const first = this.#bytes[this.#at] ?? 0x80;
    if (first < 0x80) {
      this.#at += 1;
      return first;
    }
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.isBroken ||= value > Number.MAX_SAFE_INTEGER;
        return value;
      }
    }
    this.isBroken = true;
    return 0;
  }
}

const none = new Uint8Array(0);
/** A length has no more bits. */
const lengthBits = 32;

/**
 * Returns the contents of the message's first field without a copy, if that is the field of this number
 * (below 16) and holds a text, bytes or a message. Otherwise empty. A snapshot calls it for every task of the
 * cell, so it creates no scanner.
 */
export function firstField(message: Uint8Array, field: number): Uint8Array {
  if (message[0] !== tagOf(field)) return none;
  let at = 1;
  let length = 0;
  for (let shift = 0; shift < lengthBits; shift += 7) {
    const byte = message[at] ?? 0;
    at += 1;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return message.subarray(at, at + length);
}
