import { packParts, unpackParts } from './packed-parts.js';

/** A change to an agent's assignments as it is packed; empty bytes take the task off. */
export interface PackedChange {
  readonly agentId: string;
  readonly taskId: string;
  readonly bytes: Uint8Array;
}

/** The changes as one piece of memory, in the form in which a feed holds them. */
export function packChanges(changes: readonly PackedChange[]): Buffer {
  return packParts(changes.flatMap(({ agentId, taskId, bytes }) => [agentId, taskId, bytes]));
}

/** The changes that were packed, in order. Their bytes are not copied. Throws RangeError where it ends in the middle of one. */
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
