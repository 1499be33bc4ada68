/*
 * Problem: a page of jobs has a thousand tasks, and its caller wants some fields of each. Decoding each task
 * and encoding its fields again would cost more than the rest of the response.
 * Figure: a page as `berth ps` shows it took 6.9 ms, then 3.0 ms; state and labels alone 2.5 ms, then 1.6
 * ms (with responses from stored bytes, queries/job-responses.ts).
 * Benchmark: `npm run bench -- query`.
 * Off: `BERTH_API_TUNING=off` encodes the selected fields of decoded tasks.
 */
import { ProtobufScanner } from '@berth/shared/model/wire/protobuf-scanner';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';

/** The lowest field number that has no bit. */
const fieldLimit = 16;

/** Fields of a message as bits, by their numbers. Each is below `fieldLimit`. */
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
  const scanner = new ProtobufScanner(message);
  let isIn = false;
  while (scanner.next(message.length)) {
    const isWanted = scanner.field < fieldLimit && (fields & (1 << scanner.field)) !== 0;
    if (isWanted !== isIn) bounds.push(scanner.start);
    isIn = isWanted;
    scanner.skip();
  }
  if (scanner.isBroken) throw new RangeError('a stored message is no valid Protobuf');
  if (isIn) bounds.push(message.length);
  return bounds;
}
