/* The fields of a task that a query selects, as numbers of the message: they are cut out of stored bytes. */
import { fieldNumbers } from '@berth/shared/gen/field-numbers';
import { bitsOf, type FieldBits } from '../tuning/encoding/message-parts.js';
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
