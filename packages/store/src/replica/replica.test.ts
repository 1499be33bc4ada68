import { ClusterRecord } from '@berth/shared/gen/berth/v1/store';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import { config } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Write } from '../contract/commit.js';
import type { LogEntry, LogHead, LogReader, StoredEntity } from '../contract/log.js';
import { MemoryStore } from '../memory/memory-store.js';
import { fieldOf } from '../wire/codec.js';
import { Replica, resyncActor } from './replica.js';
import { startReplica } from './start-replica.js';

function cluster(id: string): Write {
  return { kind: 'cluster', id, record: ClusterRecord.fromPartial({ id }) };
}

/** Time passes as soon as somebody waits for it. */
const impatientClock: Clock = {
  nowMs: () => 1_000,
  sleep: () => new Promise((resolve) => setImmediate(resolve)),
};

/** Resolves with the first commit for which `wanted` holds. */
function nextCommit(replica: Replica, wanted: (commit: CommitChanges) => boolean): Promise<CommitChanges> {
  return new Promise((resolve) => {
    replica.changes$.subscribe((commit) => {
      if (wanted(commit)) resolve(commit);
    });
  });
}

/** A reader over another one, parts of which a test replaces. */
function readerOver(reader: LogReader, changed: Partial<LogReader>): LogReader {
  return {
    head: () => reader.head(),
    scan: () => reader.scan(),
    readLog: (after, blockMs) => reader.readLog(after, blockMs),
    close: () => reader.close(),
    ...changed,
  };
}

describe('a replica', () => {
  afterEach(() => {
    config.onUnhandledError = null;
  });

  it('emits a commit after it was applied', async () => {
    const store = new MemoryStore();
    const replica = await Replica.start(store.openLogReader());
    const seen: unknown[] = [];
    replica.changes$.subscribe(({ revision, actor, changes }) => {
      seen.push([
        revision,
        actor,
        changes.map(({ id }) => id),
        replica.revision,
        replica.find('cluster', 'a')?.id,
      ]);
    });
    await store.commit({ actor: 'me', writes: [cluster('a')] });
    await replica.waitFor(1, 1_000);
    expect(seen).toEqual([[1, 'me', ['a'], 1, 'a']]);
    await replica.close();
  });

  it('continues with its other subscribers after one throws, and the error is not lost', async () => {
    const errors: unknown[] = [];
    config.onUnhandledError = (error) => errors.push(error);
    const store = new MemoryStore();
    const replica = await Replica.start(store.openLogReader());
    const seen: number[] = [];
    replica.changes$.subscribe(() => {
      throw new Error('a bug');
    });
    replica.changes$.subscribe(({ revision }) => seen.push(revision));
    for (const id of ['a', 'b']) await store.commit({ actor: 'me', writes: [cluster(id)] });
    await replica.waitFor(2, 1_000);
    await vi.waitFor(() => expect(errors).toHaveLength(2));
    expect(seen).toEqual([1, 2]);
    expect(errors).toEqual([new Error('a bug'), new Error('a bug')]);
    await replica.close();
  });

  it('is lagging exactly while it applies a backlog', async () => {
    const store = new MemoryStore();
    const reader = store.openLogReader();
    let openGate = () => {};
    const gate = new Promise<void>((resolve) => {
      openGate = resolve;
    });
    const readLog: LogReader['readLog'] = (after, blockMs) => gate.then(() => reader.readLog(after, blockMs));
    const replica = await Replica.start(readerOver(reader, { readLog }));
    const lagging = new Map<number, boolean>();
    replica.changes$.subscribe(({ revision }) => lagging.set(revision, replica.lagging));
    for (let count = 1; count <= 300; count += 1) await store.commit({ actor: 'me', writes: [cluster('a')] });
    openGate();
    await replica.waitFor(300, 10_000);
    // That there is more than what came at once is known only after some reads.
    const seen = [1, 200, 300].map((revision) => lagging.get(revision));
    expect([...seen, replica.lagging]).toEqual([false, true, false, false]);
    await replica.close();
  });

  it('resolves a wait for a revision once it is applied', async () => {
    const store = new MemoryStore();
    const replica = await Replica.start(store.openLogReader());
    const waits = [1, 2, 2].map((revision) => replica.waitFor(revision, 10_000));
    for (const id of ['a', 'b']) await store.commit({ actor: 'me', writes: [cluster(id)] });
    await Promise.all(waits);
    await replica.waitFor(1, 0);
    await replica.close();
  });

  it('resolves a wait for a head once it holds that commit', async () => {
    const store = new MemoryStore();
    const replica = await Replica.start(store.openLogReader());
    const early = replica.waitForHead({ revision: 2, commitId: 'second' }, 10_000);
    for (const commitId of ['first', 'second'])
      await store.commit({ actor: 'me', writes: [cluster(commitId)], commitId });
    await early;
    await replica.waitForHead({ revision: 1, commitId: 'first' }, 0);
    await replica.close();
  });

  it('does not take a greater revision of a lost history for the awaited head', async () => {
    const store = new MemoryStore();
    const commit = (commitId: string) => store.commit({ actor: 'me', writes: [cluster(commitId)], commitId });
    await commit('kept');
    const setBack = store.checkpoint();
    for (const id of ['lost 2', 'lost 3', 'lost 4']) await commit(id);
    const reader = store.openLogReader();
    let openGate = () => {};
    let gate: Promise<void> | undefined;
    let isHeld = false;
    const readLog: LogReader['readLog'] = async (after, blockMs) => {
      isHeld = gate !== undefined;
      await gate;
      return reader.readLog(after, blockMs);
    };
    const replica = await Replica.start(readerOver(reader, { readLog }), { blockMs: 1 });
    gate = new Promise<void>((resolve) => {
      openGate = resolve;
    });
    await vi.waitFor(() => expect(isHeld).toBe(true));
    setBack();
    await commit('new');
    let isDone = false;
    const done = replica.waitForHead({ revision: 2, commitId: 'new' }, 10_000).then(() => {
      isDone = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect([replica.revision, isDone]).toEqual([4, false]);
    openGate();
    await done;
    expect(replica.find('cluster', 'new')?.id).toBe('new');
    expect(replica.find('cluster', 'lost 2')).toBeUndefined();
    await replica.close();
  });

  it('ends a wait for a revision at its time limit, at its signal and when it is closed', async () => {
    const store = new MemoryStore();
    const replica = await Replica.start(store.openLogReader());
    await expect(replica.waitFor(9, 1)).rejects.toMatchObject({ code: 'deadlineExceeded' });
    const abort = new AbortController();
    const aborted = replica.waitFor(9, 60_000, abort.signal);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const closed = replica.waitFor(9, 60_000);
    const rejected = expect(closed).rejects.toMatchObject({ code: 'unavailable' });
    await replica.close();
    await rejected;
    await expect(replica.waitFor(9, 60_000)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('takes a new snapshot without the broken record if an entry cannot be decoded', async () => {
    const store = new MemoryStore();
    const reader = store.openLogReader();
    const spoil = (stored: StoredEntity) =>
      stored.field === fieldOf('cluster', 'broken')
        ? { ...stored, bytes: Uint8Array.of(0x0a, 0x7f) }
        : stored;
    const spoilEntry = (entry: LogEntry) => ({ ...entry, writes: entry.writes.map(spoil) });
    const spoiling = readerOver(reader, {
      readLog: async (after, blockMs) => {
        const read = await reader.readLog(after, blockMs);
        return read.ok ? { ...read, entries: read.entries.map(spoilEntry) } : read;
      },
      async *scan() {
        for await (const batch of reader.scan()) yield batch.map(spoil);
      },
    });
    const replica = await Replica.start(spoiling);
    const resync = nextCommit(replica, ({ actor }) => actor === resyncActor);
    await store.commit({ actor: 'me', writes: [cluster('broken'), cluster('fine')] });
    expect(await resync).toMatchObject({ revision: 1, changes: [{ id: 'fine' }] });
    await store.commit({ actor: 'me', writes: [cluster('next')] });
    await replica.waitFor(2, 1_000);
    expect([...replica.all('cluster')].map(({ id }) => id)).toEqual(['fine', 'next']);
    await replica.close();
  });

  it('is not connected while the log cannot be read, and continues afterwards', async () => {
    const store = new MemoryStore();
    const reader = store.openLogReader();
    let failures = 3;
    const connected: boolean[] = [];
    let replica: Replica | undefined;
    const failing = readerOver(reader, {
      readLog: async (after: LogHead, blockMs: number) => {
        connected.push(replica?.isConnected ?? true);
        if (failures-- > 0) throw new BerthError('unavailable', 'gone');
        return reader.readLog(after, blockMs);
      },
    });
    replica = await Replica.start(failing, { clock: impatientClock });
    await store.commit({ actor: 'me', writes: [cluster('a')] });
    await nextCommit(replica, ({ revision }) => revision === 1);
    expect(connected.slice(0, 4)).toEqual([true, false, false, false]);
    await store.commit({ actor: 'me', writes: [cluster('b')] });
    await nextCommit(replica, ({ revision }) => revision === 2);
    expect([replica.isConnected, replica.lagging]).toEqual([true, false]);
    await replica.close();
  });

  it('retries its start until the store answers, or until its signal aborts', async () => {
    const store = new MemoryStore();
    const reader = store.openLogReader();
    let failures = 2;
    const head = async () => {
      if (failures-- > 0) throw new BerthError('unavailable', 'gone');
      return reader.head();
    };
    const replica = await Replica.start(readerOver(reader, { head }), { clock: impatientClock });
    expect(replica.revision).toBe(0);
    await replica.close();

    const abort = new AbortController();
    const never = readerOver(store.openLogReader(), {
      head: async () => {
        abort.abort(new Error('enough'));
        throw new BerthError('unavailable', 'gone');
      },
    });
    await expect(Replica.start(never, { clock: impatientClock, signal: abort.signal })).rejects.toThrow(
      'enough',
    );
  });

  it('completes its changes when it is closed or its signal aborts', async () => {
    const abort = new AbortController();
    const replica = await Replica.start(new MemoryStore().openLogReader(), { signal: abort.signal });
    const completed = new Promise<void>((resolve) => replica.changes$.subscribe({ complete: resolve }));
    abort.abort();
    await completed;
    await replica.close();
    expect(replica.isConnected).toBe(false);
  });
});

describe('a replica whose process commits', () => {
  it('takes the given records of its own commits, and decodes those of other processes', async () => {
    const store = new MemoryStore();
    const replica = await Replica.start(store.openLogReader());
    const [own, other] = [cluster('own'), cluster('other')];
    const removed: Write = { kind: 'cluster', id: 'gone' };
    await store.commit({ actor: 'me', writes: [cluster('gone')] });
    const writes = replica.encodeOwn('c1', [own, removed]);
    await store.commit({ actor: 'me', commitId: 'c1', writes });
    const result = await store.commit({ actor: 'me', commitId: 'c2', writes: [other] });
    await replica.waitFor(result.ok ? result.revision : 0, 1_000);
    expect(replica.find('cluster', 'own')?.record).toBe(own.record);
    expect(replica.find('cluster', 'gone')).toBeUndefined();
    expect(replica.find('cluster', 'other')?.record).toEqual(other.record);
    expect(replica.find('cluster', 'other')?.record).not.toBe(other.record);
    await replica.close();
  });

  it('decodes its own commits, too, with the tuning off', async () => {
    const store = new MemoryStore({ tuning: 'off' });
    const replica = await startReplica(store);
    const own = cluster('own');
    const writes = replica.encodeOwn('c1', [own]);
    const result = await store.commit({ actor: 'me', commitId: 'c1', writes });
    await replica.waitFor(result.ok ? result.revision : 0, 1_000);
    expect(replica.find('cluster', 'own')?.record).toEqual(own.record);
    expect(replica.find('cluster', 'own')?.record).not.toBe(own.record);
    await replica.close();
  });

  it('forgets own commits that never come back', async () => {
    const store = new MemoryStore();
    const replica = await Replica.start(store.openLogReader());
    const lost = cluster('lost');
    for (let count = 0; count < 100; count += 1) replica.encodeOwn(`c${count}`, [lost]);
    const result = await store.commit({ actor: 'me', commitId: 'c0', writes: [lost] });
    await replica.waitFor(result.ok ? result.revision : 0, 1_000);
    expect(replica.find('cluster', 'lost')?.record).toEqual(lost.record);
    expect(replica.find('cluster', 'lost')?.record).not.toBe(lost.record);
    await replica.close();
  });
});
