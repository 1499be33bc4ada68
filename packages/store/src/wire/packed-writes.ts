import { lengthBytes, packParts, partEnd } from './packed-parts.js';

/** A packed write: a name, then a record. Empty bytes are a removal. */
export interface PackedWrite {
  /** `KIND/ID`. */
  readonly field: string;
  readonly bytes: Uint8Array;
}

/** Packs the writes in the log's form. */
export function packWrites(writes: readonly PackedWrite[]): Buffer {
  return packParts(writes.flatMap(({ field, bytes }) => [field, bytes]));
}

/**
 * Returns the writes in order. Their bytes are not copied, unless `copy` does so. Throws RangeError if the
 * value ends in the middle of one. Every change passes through here, so the function creates little garbage.
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
