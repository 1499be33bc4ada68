/*
 * Many texts and pieces of memory as one: before each stands its length, as a number of four bytes, big-endian. Clients of
 * Redis, and Redis itself, take far longer over a thousand values than over a thousand lengths.
 */

/** Of the length before each part. */
export const lengthBytes = 4;

/** The parts in order, packed; texts as UTF-8. */
export function packParts(parts: readonly (string | Uint8Array)[]): Buffer {
  let size = 0;
  for (const part of parts)
    size += lengthBytes + (typeof part === 'string' ? Buffer.byteLength(part) : part.length);
  // Not out of the pool, whose pieces live as long as the longest lived of those that share them.
  const packed = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const part of parts) {
    const from = at + lengthBytes;
    let length = part.length;
    if (typeof part === 'string') length = packed.write(part, from);
    else packed.set(part, from);
    packed.writeUInt32BE(length, at);
    at = from + length;
  }
  return packed;
}

/** The parts that were packed, in order, not copied. Throws RangeError where the memory ends in the middle of one. */
export function unpackParts(packed: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < packed.length; ) {
    const from = at + lengthBytes;
    at = partEnd(packed, at);
    parts.push(packed.subarray(from, at));
  }
  return parts;
}

/** Where the part ends that begins here, with its length. Throws RangeError where the memory ends before. */
export function partEnd(packed: Buffer, at: number): number {
  const end = at + lengthBytes + packed.readUInt32BE(at);
  if (end > packed.length) throw new RangeError('packed parts end in the middle of one');
  return end;
}
