import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';

/**
 * The source of randomness. Shells take one as an argument, so that a test or a simulation can repeat a
 * run.
 */
export interface Random {
  /** Returns a UUID of version 4. All of it is random. */
  uuid(): string;
  /** Returns a UUID of version 7. Its order is the order of creation; its last digits are random. */
  orderedUuid(): string;
  /** Returns a number from 0 up to, but not including, 1. */
  fraction(): number;
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  orderedUuid: () => v7(),
  fraction: () => Math.random(),
};
