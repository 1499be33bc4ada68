/*
 * Many writes as one piece of memory, as the commit script puts them into the log: before each name and before each record
 * stands its length, as a number of four bytes, big-endian.
 */

const lengthBytes = 4;

/** A write as it is packed; empty bytes are a removal. */
export interface PackedWrite {
  /** `KIND/ID`. */
  readonly field: string;
  readonly bytes: Uint8Array;
}

/** The writes, packed. */
export function packWrites(writes: readonly PackedWrite[]): Buffer {
  let size = 0;
  for (const { field, bytes } of writes) size += 2 * lengthBytes + Buffer.byteLength(field) + bytes.length;
  // Not out of the pool, whose pieces live as long as the longest lived of those that share them.
  const packed = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const { field, bytes } of writes) {
    const written = packed.write(field, at + lengthBytes);
    at = packed.writeUInt32BE(written, at) + written;
    at = packed.writeUInt32BE(bytes.length, at);
    packed.set(bytes, at);
    at += bytes.length;
  }
  return packed;
}

/** The writes that were packed, in order. Their bytes are not copied. Throws RangeError where it ends in the middle of one. */
export function* unpackWrites(packed: Buffer): Generator<PackedWrite> {
  let at = 0;
  const next = () => {
    const from = at + lengthBytes;
    at = from + packed.readUInt32BE(at);
    return packed.subarray(from, at);
  };
  while (at < packed.length) yield { field: next().toString(), bytes: next() };
}
