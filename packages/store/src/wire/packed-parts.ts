/*
 * Many texts and byte strings as one value. The length of each part stands before it, in four bytes,
 * big-endian. This is the format of stored values, so it is no tuning.
 *
 * Problem: Redis and its clients take far longer over a thousand values than over a thousand lengths.
 * Figure: 43 us of Redis for a task of the sustained rate, 90 us before.
 * Benchmark: `npm run bench -- schedule`.
 * Off: never. A setting of one process cannot choose the format of data that all processes share. A plain
 * form beside it would need a second layout in the commit script and in each reader (of the log, of
 * assignments, of reports), for as long as one such entry is stored, and older versions could not read it.
 * `BERTH_STORE_TUNING=off` keeps nothing packed in memory: an entry of the log is unpacked at once.
 */

/** The size of the length before each part. */
export const lengthBytes = 4;

/** Packs the parts in order; texts as UTF-8. */
export function packParts(parts: readonly (string | Uint8Array)[]): Buffer {
  let size = 0;
  for (const part of parts)
    size += lengthBytes + (typeof part === 'string' ? Buffer.byteLength(part) : part.length);
  // Not from Node's pool: its memory stays until the last value that shares it is gone.
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

/** Returns the parts in order, not copied. Throws RangeError if the value ends in the middle of one. */
export function unpackParts(packed: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < packed.length; ) {
    const from = at + lengthBytes;
    at = partEnd(packed, at);
    parts.push(packed.subarray(from, at));
  }
  return parts;
}

/**
 * Returns the end of the part that begins with its length at `at`. Throws RangeError if the value ends before
 * it.
 */
export function partEnd(packed: Buffer, at: number): number {
  const end = at + lengthBytes + packed.readUInt32BE(at);
  if (end > packed.length) throw new RangeError('packed parts end in the middle of one');
  return end;
}
