import { systemClock } from '@berth/shared/process/clock';
import { MemoryStore } from '@berth/shared/store/memory-store';
import { Replica } from '@berth/shared/store/replica';
import type { LogHead, LogReader } from '@berth/shared/store/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../testing/running-gateway.js';
import { jobWrite } from '../testing/scripted-cell.js';
import { type OlderPast, type Past, readPast } from './catch-up.js';
import { ChangeTail } from './change-tail.js';

let store: MemoryStore;
let replica: Replica;
let tail: ChangeTail;
let hold: { readonly until: Promise<void>; readonly release: () => void };

/** What the replica follows the log with, which brings nothing while it is held. */
function heldReader(reader: LogReader): LogReader {
  return {
    head: () => reader.head(),
    scan: () => reader.scan(),
    readLog: async (after, blockMs) => {
      const read = await reader.readLog(after, blockMs);
      await hold.until;
      return read;
    },
    close: () => reader.close(),
  };
}

function newHold(): typeof hold {
  let release = (): void => undefined;
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { until, release };
}

async function headNow(): Promise<LogHead> {
  const reader = store.openLogReader();
  try {
    return await reader.head();
  } finally {
    await reader.close();
  }
}

beforeEach(() => {
  store = new MemoryStore({ clock: systemClock });
  hold = newHold();
});
afterEach(async () => {
  hold.release();
  tail.close();
  await replica.close();
  await store.close();
});

/** A gateway that has just started. */
async function start(): Promise<Past> {
  replica = await Replica.start(heldReader(store.openLogReader()));
  tail = new ChangeTail(replica);
  return { replica, tail, openLogReader: () => store.openLogReader() };
}

function revisionsOf(older: OlderPast): readonly number[] | string {
  return 'reason' in older ? older.reason : older.entries.map(({ revision }) => revision);
}

describe('what a gateway reads that has just started', () => {
  it('meets what it has seen itself, although the log is ahead of its replica', async () => {
    await decide(store, [jobWrite('a')]);
    const position = await headNow();
    await decide(store, [jobWrite('b')]);
    const past = await start();
    await decide(store, [jobWrite('c')]);
    await decide(store, [jobWrite('d')]);
    const reading = readPast(past, position, new AbortController().signal);
    // The log has been read to its end before the replica has seen any of it.
    await Promise.race([reading, new Promise((resolve) => setImmediate(resolve))]);
    hold.release();
    const older = await reading;
    expect(revisionsOf(older)).toEqual([2, 3, 4]);
    expect(!('reason' in older) && tail.after(older.upTo)).toEqual([]);
  });

  it('is nothing for who has seen as much as the gateway', async () => {
    await decide(store, [jobWrite('a')]);
    const past = await start();
    const older = await readPast(past, await headNow(), new AbortController().signal);
    expect(revisionsOf(older)).toEqual([]);
  });

  it('is refused where the position is of another history', async () => {
    await decide(store, [jobWrite('a')]);
    const past = await start();
    const older = await readPast(past, { revision: 1, commitId: 'never' }, new AbortController().signal);
    expect(revisionsOf(older)).toBe('the position is of another history of the cell');
  });
});
