/* Selected fields of a stored task, cut out of its bytes: what is answered as it is stored is not decoded. */
import type { Entity } from '@berth/shared/model/entity';
import { publicTaskBytes } from '@berth/shared/store/codec';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Selection } from './core/projection.js';

/** Fields of netflix.titus.Task; the id is in every answer. */
const taskFields = { id: 1, taskContext: 2, state: 3, stateChanges: 4 } as const;

/** The numbers of the selected fields of tasks; undefined where only parts of one are selected. */
export function wholeTaskFields(selection: Selection): ReadonlySet<number> | undefined {
  if (selection === true) return new Set(Object.values(taskFields));
  if ([...selection.values()].some((part) => part !== true)) return undefined;
  const names = Object.entries(taskFields).filter(([name]) => name === 'id' || selection.has(name));
  return new Set(names.map(([, number]) => number));
}

/** The public message of the task with these of its fields, encoded. */
export function selectedTaskBytes(task: Entity<'task'>, fields: ReadonlySet<number>): Uint8Array {
  const parts = partsOf(publicTaskBytes(task), fields);
  const [only] = parts;
  // Most selections leave one part, which needs no copy.
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

/** What the message holds of these fields. Fields that stand side by side are one part. */
function partsOf(message: Uint8Array, fields: ReadonlySet<number>): readonly Uint8Array[] {
  const reader = new BinaryReader(message);
  const parts: Uint8Array[] = [];
  let from: number | undefined;
  while (reader.pos < reader.len) {
    const at = reader.pos;
    const [field, wireType] = reader.tag();
    reader.skip(wireType, field);
    if (fields.has(field)) from ??= at;
    else if (from !== undefined) {
      parts.push(message.subarray(from, at));
      from = undefined;
    }
  }
  if (from !== undefined) parts.push(message.subarray(from));
  return parts;
}
