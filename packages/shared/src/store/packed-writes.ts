import { packParts, unpackParts } from './packed-parts.js';

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

/** The writes that were packed, in order. Their bytes are not copied. Throws RangeError where it ends in the middle of one. */
export function unpackWrites(packed: Buffer): PackedWrite[] {
  const parts = unpackParts(packed);
  if (parts.length % 2 !== 0) throw new RangeError('the last packed write has no record');
  const writes: PackedWrite[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const [field, bytes] = [parts[at], parts[at + 1]];
    if (field !== undefined && bytes !== undefined) writes.push({ field: field.toString(), bytes });
  }
  return writes;
}
