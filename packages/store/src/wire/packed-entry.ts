import type { LogEntry } from '../contract/log.js';

/** An entry of the log that also has its writes in packed form (see `packed-writes.ts`). */
export interface PackedEntry extends LogEntry {
  readonly packed: Uint8Array;
}

/** Returns the packed form of the entry's writes, if it is at hand. A caller that keeps it copies it. */
export function packedOf(entry: LogEntry & Partial<Pick<PackedEntry, 'packed'>>): Uint8Array | undefined {
  return entry.packed;
}
