/*
 * The public part of a stored task: the first field of its record, berth.v1.TaskRecord. It is sent on without
 * decoding it.
 */
import { fieldNumbers } from '../../gen/field-numbers.js';
import { firstField } from '../wire/protobuf-scanner.js';
import type { Entity } from './entity.js';

const recordFields = fieldNumbers['berth.v1.TaskRecord'];

/**
 * Returns the encoded netflix.titus.Task inside the stored bytes, not a copy. Empty if the record holds none.
 */
export function publicTaskBytes(entity: Entity<'task'>): Uint8Array {
  // Encoders write fields in the order of their numbers, so it comes first.
  return firstField(entity.bytes, recordFields.task);
}

/** True if two versions of a task have the same public part. */
export function isSamePublicTask(a: Entity<'task'>, b: Entity<'task'>): boolean {
  return Buffer.compare(publicTaskBytes(a), publicTaskBytes(b)) === 0;
}
