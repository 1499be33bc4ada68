/*
 * The only writer of Protobuf frames by hand: it puts a tag and a length before bytes that are encoded
 * already.
 *
 * Problem: a gateway sends stored records on as they are. An encoder would copy each of them once for each
 * message around it.
 * Figure: none was recorded for the writer alone.
 * Benchmark: `npm run bench -- observe` (events per second and subscriber).
 * Off: the generated code encodes the same messages; a subscriber cannot tell them apart.
 */
import { tagOf } from './protobuf-scanner.js';

/** Returns how many bytes a length or a number takes. */
function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/**
 * Returns how many bytes a message of this length takes as a field of another one. The field's number must be
 * below 16.
 */
export function framedBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

/** Writes frames into a buffer. Its caller computes the buffer's size with {@link framedBytes} beforehand. */
export class FrameWriter {
  readonly buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.buffer = buffer;
    this.#at = at;
  }

  /** Writes the tag and the length of a field. The field's bytes follow. */
  open(field: number, length: number): void {
    this.buffer[this.#at] = tagOf(field);
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
