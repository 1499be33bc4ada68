/*
 * Problem: a page of jobs has a thousand tasks, and each is cut out of stored bytes. A reader object for
 * each task would cost more than the rest of the response.
 * Figure: a page as `berth ps` shows it took 6.9 ms, then 3.0 ms; state and labels alone 2.5 ms, then 1.6
 * ms (with responses from stored bytes, queries/job-responses.ts).
 * Benchmark: `npm run bench -- query`.
 * Off: `BERTH_API_TUNING=off` encodes the selected fields of decoded tasks.
 */
import type { BinaryWriter } from '@bufbuild/protobuf/wire';

/** Fields of a message by their numbers, which must be less than 16, as bits. */
export type FieldBits = number;

/** The bits of these fields. */
export function bitsOf(fields: Iterable<number>): FieldBits {
  let bits = 0;
  for (const field of fields) bits |= 1 << field;
  return bits;
}

/** Writes these fields of the message, as a message of their own, under the tag. */
export function writeParts(
  writer: BinaryWriter,
  {
    tag,
    message,
    fields,
  }: { readonly tag: number; readonly message: Uint8Array; readonly fields: FieldBits },
): void {
  const bounds = boundsOf(message, fields);
  let length = 0;
  for (let at = 0; at < bounds.length; at += 2) length += (bounds[at + 1] ?? 0) - (bounds[at] ?? 0);
  writer.uint32(tag).uint32(length);
  for (let at = 0; at < bounds.length; at += 2) writer.raw(message.subarray(bounds[at], bounds[at + 1]));
}

/** Returns these fields of the message, as a message of their own. */
export function partsOf(message: Uint8Array, fields: FieldBits): Uint8Array {
  const bounds = boundsOf(message, fields);
  // Most selections leave one part. It needs no copy.
  if (bounds.length <= 2) return message.subarray(bounds[0] ?? 0, bounds[1] ?? 0);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bounds.length; at += 2) parts.push(message.subarray(bounds[at], bounds[at + 1]));
  return Buffer.concat(parts);
}

/** Returns the start and the end of these fields, in pairs. Adjacent fields are one pair. */
function boundsOf(message: Uint8Array, fields: FieldBits): readonly number[] {
  const bounds: number[] = [];
  let isIn = false;
  for (let at = 0; at < message.length; ) {
    const tag = message[at] ?? 0;
    // Numbers of two bytes and more are none of those that can be asked for.
    const isWanted = tag < 0x80 && (fields & (1 << (tag >>> 3))) !== 0;
    if (isWanted !== isIn) bounds.push(at);
    isIn = isWanted;
    at = endOfField(message, at);
  }
  if (isIn) bounds.push(message.length);
  return bounds;
}

function endOfField(message: Uint8Array, from: number): number {
  const wireType = (message[from] ?? 0) & 7;
  const at = endOfVarint(message, from);
  switch (wireType) {
    case 0:
      return endOfVarint(message, at);
    case 1:
      return at + 8;
    case 2:
      return endOfVarint(message, at) + lengthAt(message, at);
    case 5:
      return at + 4;
    default:
      throw new RangeError(`wire type ${wireType} is none of Protobuf's`);
  }
}

function endOfVarint(message: Uint8Array, from: number): number {
  let at = from;
  while ((message[at] ?? 0) >= 0x80) at += 1;
  return at + 1;
}

function lengthAt(message: Uint8Array, from: number): number {
  let length = 0;
  for (let at = from, shift = 0; ; at += 1, shift += 7) {
    const byte = message[at] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return length;
  }
}
