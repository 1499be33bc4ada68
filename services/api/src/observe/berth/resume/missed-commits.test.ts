import { systemClock } from '@berth/shared/process/clock';
import type { LogHead, LogReader } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { RecentCommits } from '@berth/store/recent';
import { Replica } from '@berth/store/replica';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../../../testing/running-gateway.js';
import { jobWrite } from '../../../testing/scripted-cell.js';
import { isRelevant } from '../core/cell-changes.js';
import { changedSince, checkCursor, type History, MissedCommits } from './missed-commits.js';

let store: MemoryStore;
let replica: Replica;
let recent: RecentCommits;
let hold: { readonly until: Promise<void>; readonly release: () => void };

/** The replica's reader of the log. It returns nothing while it is held. */
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
  recent.close();
  await replica.close();
  await store.close();
});

/** A gateway that has just started. */
async function start(): Promise<History> {
  replica = await Replica.start(heldReader(store.openLogReader()));
  recent = new RecentCommits(replica, { isRelevant });
  return { replica, recent, openLogReader: () => store.openLogReader() };
}

const { signal } = new AbortController();

/** The revisions of all commits between two positions, piece by piece; or why they cannot be had. */
async function piecesOf(commits: MissedCommits): Promise<readonly (readonly number[])[] | string> {
  const pieces: number[][] = [];
  for (;;) {
    const piece = await commits.next();
    if ('reason' in piece) return piece.reason;
    if (piece.commits.length === 0) return pieces;
    pieces.push(piece.commits.map(({ revision }) => revision));
  }
}

async function decideMany(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await decide(store, [jobWrite(`j${index % 5}`)]);
}

describe('the position of a returning subscriber', () => {
  it('is known to a new gateway after it has caught up', async () => {
    await decide(store, [jobWrite('a')]);
    const history = await start();
    await decide(store, [jobWrite('b')]);
    const finding = checkCursor(history, await headNow(), signal);
    await new Promise((resolve) => setImmediate(resolve));
    hold.release();
    expect(await finding).toBeUndefined();
    expect(replica.revision).toBe(2);
  });

  it('is refused if it belongs to another history', async () => {
    await decide(store, [jobWrite('a')]);
    const history = await start();
    expect(await checkCursor(history, { revision: 1, commitId: 'never' }, signal)).toEqual({
      reason: 'the position is of another history of the cell',
    });
    expect(await checkCursor(history, { revision: 9, commitId: 'never' }, signal)).toEqual({
      reason: 'the cell was set back',
    });
  });

  it('is refused if it lies too far back', async () => {
    await decideMany(3);
    const history = await start();
    expect(await checkCursor(history, { revision: 1, commitId: '' }, signal)).toEqual({
      reason: 'the position has no commit id, and lies too far back without',
    });
  });
});

describe('the missed commits of a subscriber', () => {
  it('come from the log if the gateway has not seen them, in small pieces', async () => {
    await decide(store, [jobWrite('a')]);
    const position = await headNow();
    await decideMany(40);
    const history = await start();
    hold.release();
    await decideMany(40);
    await replica.waitFor(81, 1_000);
    const commits = new MissedCommits(history, position, replica.head);
    expect(await piecesOf(commits)).toEqual([
      // The log is read in portions of its own, the memory in smaller ones.
      Array.from({ length: 32 }, (_, at) => at + 2),
      Array.from({ length: 32 }, (_, at) => at + 34),
      Array.from({ length: 16 }, (_, at) => at + 66),
    ]);
    expect(commits.at).toEqual(replica.head);
    await commits.close();
  });

  it('come in smaller pieces if commits are large', async () => {
    const history = await start();
    hold.release();
    const large = jobWrite('large', { createdBy: 'x'.repeat(100_000) });
    for (let count = 0; count < 7; count += 1) await decide(store, [large]);
    await replica.waitFor(7, 1_000);
    const commits = new MissedCommits(history, { revision: 0, commitId: '' }, replica.head);
    expect(await piecesOf(commits)).toEqual([[1, 2, 3, 4, 5, 6], [7]]);
  });

  it('end at the given commit, even if there are more', async () => {
    const history = await start();
    hold.release();
    await decideMany(5);
    await replica.waitFor(5, 1_000);
    const upTo = replica.head;
    await decideMany(5);
    await replica.waitFor(10, 1_000);
    expect(await piecesOf(new MissedCommits(history, { revision: 0, commitId: '' }, upTo))).toEqual([
      [1, 2, 3, 4, 5],
    ]);
  });

  it('continue from the log if the gateway has dropped them in the meantime', async () => {
    const history = await start();
    hold.release();
    recent.close();
    recent = new RecentCommits(replica, { isRelevant, limits: { commits: 20, bytes: 1_000_000 } });
    await decideMany(20);
    await replica.waitFor(20, 1_000);
    const commits = new MissedCommits({ ...history, recent }, { revision: 0, commitId: '' }, replica.head);
    expect(await commits.next()).toMatchObject({ commits: { length: 16 } });
    await decideMany(30);
    await replica.waitFor(50, 1_000);
    expect(await piecesOf(commits)).toEqual([[17, 18, 19, 20]]);
    await commits.close();
  });

  it('are lost if the log does not reach back', async () => {
    await decide(store, [jobWrite('a')]);
    const history = await start();
    expect(await piecesOf(new MissedCommits(history, { revision: 0, commitId: 'x' }, replica.head))).toBe(
      'the cell was set back',
    );
  });

  it('yield each changed entity once for a part of the cell, up to now', async () => {
    const history = await start();
    hold.release();
    await decideMany(100);
    await replica.waitFor(100, 1_000);
    const touched = await changedSince(history, { revision: 0, commitId: '' }, signal);
    if ('reason' in touched) throw new Error(touched.reason);
    await decide(store, [jobWrite('late')]);
    await replica.waitFor(101, 1_000);
    const named = touched.now();
    expect('reason' in named ? named.reason : [...named].map(({ id }) => id)).toEqual([
      'j0',
      'j1',
      'j2',
      'j3',
      'j4',
      'late',
    ]);
  });
});
