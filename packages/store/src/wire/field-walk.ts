/** Wire types of Protobuf that occur in what is stored. */
const wire = { varint: 0, lengthDelimited: 2 } as const;

/**
 * A walk over the fields of encoded messages, which goes into those that it is told to. It leaves no garbage: each change is read
 * by it.
 */
export class FieldWalk {
  /** Of the field at hand: its number, where it begins and ends, and its value where that is a number. */
  field = 0;
  start = 0;
  end = 0;
  value = 0;
  /** Whether a field did not end where it had to, or is of a kind that no record of ours holds. */
  isBroken = false;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Goes to the next field before `end`, to its contents where it has such; false where there is none, or something is wrong. */
  next(end: number): boolean {
    if (this.isBroken || this.#at >= end) {
      this.isBroken ||= this.#at > end;
      return false;
    }
    this.start = this.#at;
    const tag = this.#varint();
    const type = tag & 7;
    this.field = tag >>> 3;
    this.value = this.#varint();
    this.end = type === wire.lengthDelimited ? this.#at + this.value : this.#at;
    this.isBroken ||=
      this.field === 0 || this.end > end || (type !== wire.lengthDelimited && type !== wire.varint);
    return !this.isBroken;
  }

  /** Passes over the field at hand. */
  skip(): void {
    this.#at = this.end;
  }

  /** Passes over the fields of the message at hand, each of which is looked at. */
  skipFields(end: number): void {
    while (this.next(end)) this.skip();
  }

  /** The text at hand, which is passed over. */
  text(): string {
    const { buffer, byteOffset } = this.#bytes;
    const text = Buffer.from(buffer, byteOffset + this.#at, this.end - this.#at).toString();
    this.skip();
    return text;
  }

  /** Broken for a number that JavaScript cannot hold exactly, or where the bytes end in it. */
  #varint(): number {
    // Most tags and lengths, and all states, are of one byte.
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
