import { packParts, unpackParts } from './packed-parts.js';

/** A packed change of an agent's assignments. Empty bytes take the task off the agent. */
interface PackedChange {
  readonly agentId: string;
  readonly taskId: string;
  readonly bytes: Uint8Array;
}

/** Packs the changes in a feed's form. */
export function packChanges(changes: readonly PackedChange[]): Buffer {
  return packParts(changes.flatMap(({ agentId, taskId, bytes }) => [agentId, taskId, bytes]));
}

/**
 * Returns the changes in order, their bytes not copied. Throws RangeError if the value ends in the middle of
 * one.
 */
export function unpackChanges(packed: Buffer): PackedChange[] {
  const parts = unpackParts(packed);
  const changes: PackedChange[] = [];
  for (let at = 0; at < parts.length; at += 3) {
    const [agentId, taskId, bytes] = [parts[at], parts[at + 1], parts[at + 2]];
    if (agentId === undefined || taskId === undefined || bytes === undefined)
      throw new RangeError('packed changes end in the middle of one');
    changes.push({ agentId: agentId.toString(), taskId: taskId.toString(), bytes });
  }
  return changes;
}
