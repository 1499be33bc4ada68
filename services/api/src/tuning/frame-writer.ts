/** Protobuf framing of bytes that are encoded already: lengths first, then one buffer, then copies. */

/** The wire type of strings, bytes and messages. */
const lengthDelimited = 2;

export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** The bytes of a message as a field of another one; the field's number must be less than 16. */
export function framedBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

/** A message of known length that is not written yet: what it is sent from need not be memory of its own. */
export interface Unwritten {
  readonly byteLength: number;
  writeTo(splicer: Splicer): void;
}

/** A message that is there already. */
export function whole(message: Uint8Array): Unwritten {
  return { byteLength: message.length, writeTo: (splicer) => splicer.bytes(message) };
}

/** Messages that are there already, or are made as they are asked for. */
export function* wholes(messages: Iterable<Buffer>): Generator<Unwritten, void> {
  for (const message of messages) yield whole(message);
}

/** Writes into a buffer of a size known beforehand. */
export class Splicer {
  readonly buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.buffer = buffer;
    this.#at = at;
  }

  /** The tag and length of a field whose bytes follow. */
  open(field: number, length: number): void {
    this.buffer[this.#at] = (field << 3) | lengthDelimited;
    this.#at += 1;
    this.#varint(length);
  }

  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.#at] = (rest & 0x7f) | 0x80;
      this.#at += 1;
      rest >>>= 7;
    }
    this.buffer[this.#at] = rest;
    this.#at += 1;
  }
}
