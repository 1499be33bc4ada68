import { lengthBytes, packParts, partEnd } from './packed-parts.js';

/** A write as it is packed, a name and then a record; empty bytes are a removal. */
export interface PackedWrite {
  /** `KIND/ID`. */
  readonly field: string;
  readonly bytes: Uint8Array;
}

/** The writes as one piece of memory, in the form in which the log holds them. */
export function packWrites(writes: readonly PackedWrite[]): Buffer {
  return packParts(writes.flatMap(({ field, bytes }) => [field, bytes]));
}

/**
 * The writes that were packed, in order. Their bytes are not copied, unless `copy` does so. Throws RangeError where it ends in
 * the middle of one. Each change is read by this: it makes as little garbage as it can.
 */
export function unpackWrites(
  packed: Buffer,
  copy: (part: Buffer) => Uint8Array = (part) => part,
): PackedWrite[] {
  const writes: PackedWrite[] = [];
  for (let at = 0; at < packed.length; ) {
    const fieldEnd = partEnd(packed, at);
    if (fieldEnd === packed.length) throw new RangeError('the last packed write has no record');
    const bytesEnd = partEnd(packed, fieldEnd);
    writes.push({
      field: packed.toString('utf8', at + lengthBytes, fieldEnd),
      bytes: copy(packed.subarray(fieldEnd + lengthBytes, bytesEnd)),
    });
    at = bytesEnd;
  }
  return writes;
}
