/* Selected fields of a stored task, cut out of its bytes without decoding. */
import { fieldNumbers } from '@berth/shared/gen/field-numbers';
import type { Entity } from '@berth/shared/model/cell/entity';
import { publicTaskBytes } from '@berth/shared/model/cell/public-task';
import { bitsOf, type FieldBits, partsOf } from '../tuning/encoding/message-parts.js';
import type { FieldSelection } from './core/projection.js';

/** Fields of netflix.titus.Task; the id is in every answer. */
const taskFields = fieldNumbers['netflix.titus.Task'];
const allTaskFields = bitsOf(Object.values(taskFields));

/** Returns the selected fields of tasks; undefined if only parts of a field are selected. */
export function wholeTaskFields(selection: FieldSelection): FieldBits | undefined {
  if (selection === true) return allTaskFields;
  if ([...selection.values()].some((part) => part !== true)) return undefined;
  const names = Object.entries(taskFields).filter(([name]) => name === 'id' || selection.has(name));
  return bitsOf(names.map(([, number]) => number));
}

/** Returns the encoded public message of the task with these fields. */
export function selectedTaskBytes(task: Entity<'task'>, fields: FieldBits): Uint8Array {
  return partsOf(publicTaskBytes(task), fields);
}
