import { byKindAndCreation } from '@berth/shared/model/cell/creation-order';
import type { AnyEntity } from '@berth/shared/model/cell/entity';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Logger } from '@berth/shared/process/logger';
import type { LogEntry, LogHead, LogReader } from '../contract/log.js';
import type { Tuning } from '../contract/tuning.js';
import { decodeEntity } from '../wire/codec.js';
import { CellTables } from './cell-tables.js';

/** The whole state of a cell at one revision. */
export interface Snapshot {
  readonly tables: CellTables;
  readonly head: LogHead;
  /** The time of the last commit during the snapshot. Undefined if there was none. */
  readonly atMs?: number;
}

/**
 * Reads all entities, then the commits that were made meanwhile. The result is the state at exactly `head`.
 * An entity that cannot be decoded is left out, with an error in the log: one bad record must not take the
 * cell down. Rejects if the reader does, and with BerthError `unavailable` if the log was replaced or trimmed
 * meanwhile.
 */
export async function loadSnapshot(reader: LogReader, log: Logger, tuning: Tuning = 'on'): Promise<Snapshot> {
  const before = await reader.head();
  const tables = await scanTables(reader, log, tuning);
  const head = await reader.head();
  const tail = await readTail(reader, before, head);
  for (const entry of tail) tables.apply(entry);
  const last = tail.at(-1);
  return { tables, head, ...(last === undefined ? {} : { atMs: last.atMs }) };
}

async function scanTables(reader: LogReader, log: Logger, tuning: Tuning): Promise<CellTables> {
  const entities = new Map<string, AnyEntity>();
  for await (const batch of reader.scan()) {
    for (const stored of batch) {
      try {
        const entity = decodeEntity(stored, tuning);
        if (entity !== undefined) entities.set(stored.field, entity);
      } catch (err) {
        log.error({ err, field: stored.field }, `${stored.field} cannot be decoded and is left out`);
      }
    }
  }
  const tables = new CellTables(tuning);
  for (const entity of [...entities.values()].sort(byKindAndCreation)) tables.put(entity);
  return tables;
}

async function readTail(reader: LogReader, from: LogHead, to: LogHead): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = [];
  let at = from;
  while (at.revision < to.revision) {
    const read = await reader.readLog(at, 0);
    if (!read.ok || read.entries.length === 0) throw movedOn(`it was ${read.ok ? 'emptied' : read.reason}`);
    for (const entry of read.entries) {
      if (entry.revision > to.revision) break;
      entries.push(entry);
      at = { revision: entry.revision, commitId: entry.commitId };
    }
  }
  if (at.revision !== to.revision || at.commitId !== to.commitId) throw movedOn('it was replaced by another');
  return entries;
}

function movedOn(how: string): BerthError {
  return new BerthError('unavailable', `The change log changed while a snapshot was taken: ${how}.`);
}
