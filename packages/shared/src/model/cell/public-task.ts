/*
 * The public part of a task, as it is stored: the first field of its record, berth.v1.TaskRecord, which is handed on as it is.
 */
import type { Entity } from './entity.js';

/** Field 1, length-delimited. */
const taskTag = (1 << 3) | 2;
/** The length of a field has no more bits. */
const lengthBits = 32;

/** The encoded netflix.titus.Task inside the stored bytes, not copied. Empty where the record holds none. */
export function publicTaskBytes(entity: Entity<'task'>): Uint8Array {
  const { bytes } = entity;
  // The public task is the record's first field, and encoders write fields in the order of their numbers.
  if (bytes[0] !== taskTag) return bytes.subarray(0, 0);
  // Read by hand: a snapshot does this for every task of the cell, and a reader would cost more than all else.
  let at = 1;
  let length = 0;
  for (let shift = 0; shift < lengthBits; shift += 7) {
    const byte = bytes[at] ?? 0;
    at += 1;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return bytes.subarray(at, at + length);
}

/** Whether two states of a task are the same to all who may only see its public part. */
export function isSamePublicTask(a: Entity<'task'>, b: Entity<'task'>): boolean {
  return Buffer.compare(publicTaskBytes(a), publicTaskBytes(b)) === 0;
}
