import type { LogEntry } from '@berth/store';
import { entriesPerRead } from '@berth/store';
import { Replica, resyncActor } from '@berth/store/replica';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/process/wait-for.js';
import type { StoreUnderTest } from './store-contract.js';
import { applied, cluster, logStart, readAll, removal, request, scanAll, task } from './store-fixtures.js';

/** The change log, and the replica that follows it. */
export function logContract(test: StoreUnderTest): void {
  describe('the change log', () => {
    it('begins empty', async () => {
      const reader = test.store.openLogReader();
      expect(await reader.head()).toEqual(logStart);
      expect(await reader.readLog(logStart, 0)).toEqual({ ok: true, entries: [], isFull: false });
    });

    it('continues from its own points, and not from those of another log', async () => {
      const { store } = test;
      expect(await store.continuesFrom(logStart)).toBe(true);
      await store.commit(request([cluster('a')], { commitId: 'first' }));
      for (let count = 0; count < 2; count++) {
        expect(await store.continuesFrom(logStart)).toBe(true);
        expect(await store.continuesFrom({ revision: 1, commitId: 'first' })).toBe(true);
        expect(await store.continuesFrom({ revision: 1, commitId: 'another' })).toBe(false);
        await store.commit(request([cluster('b')]));
      }
      expect(await store.continuesFrom({ revision: 100, commitId: 'lost' })).toBe(false);
    });

    it('holds each commit with its author, time and writes', async () => {
      const commit = request([cluster('a'), removal('b')], { actor: 'somebody', commitId: 'first' });
      const { atMs } = applied(await test.store.commit(commit));
      const [entry] = await readAll(test.store.openLogReader());
      expect(entry).toMatchObject({ revision: 1, commitId: 'first', actor: 'somebody', atMs });
      expect(entry?.writes.map(({ field, bytes }) => [field, bytes.length > 0])).toEqual([
        ['cluster/a', true],
        ['cluster/b', false],
      ]);
    });

    it('has consecutive revisions while 50 clients commit at once', async () => {
      const { store } = test;
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          store.commit(request([cluster(`c${index % 7}`, index + 1)])),
        ),
      );
      const entries = await readAll(store.openLogReader());
      expect(entries.map(({ revision }) => revision)).toEqual(
        Array.from({ length: 50 }, (_, index) => index + 1),
      );
      expect(results.map((result) => applied(result).revision).sort((a, b) => a - b)).toEqual(
        entries.map(({ revision }) => revision),
      );
    });

    it('lets exactly one of many racing changes of an entity through', async () => {
      const { store } = test;
      applied(await store.commit(request([cluster('a')])));
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) => store.commit(request([cluster('a', index, 1)]))),
      );
      expect(results.filter(({ ok }) => ok)).toHaveLength(1);
      expect((await store.openLogReader().head()).revision).toBe(2);
    });

    it('wakes a waiting reader', async () => {
      const reader = test.store.openLogReader();
      const read = reader.readLog(logStart, 30_000);
      applied(await test.store.commit(request([cluster('a')])));
      expect(await read).toMatchObject({ ok: true, entries: [{ revision: 1 }] });
    });

    it('continues from the last point of a reader', async () => {
      const { store } = test;
      const reader = store.openLogReader();
      for (const id of ['a', 'b', 'c']) applied(await store.commit(request([cluster(id)], { commitId: id })));
      const read = await reader.readLog({ revision: 1, commitId: 'a' }, 0);
      expect(read.ok && read.entries.map(({ commitId }) => commitId)).toEqual(['b', 'c']);
    });

    it('brings a following reader its backlog in order, while more entries come', async () => {
      const { store } = test;
      const commits = async (count: number) => {
        for (let made = 0; made < count; made += 1) applied(await store.commit(request([cluster('a')])));
      };
      await commits(128);
      const more = Promise.all(Array.from({ length: 4 }, () => commits(100)));
      const reader = store.openLogReader({ follows: true });
      const entries: LogEntry[] = [];
      const sizes: number[] = [];
      while (entries.length < 528) {
        const read = await reader.readLog(entries.at(-1) ?? logStart, 5_000);
        if (!read.ok) throw new Error(`the log was ${read.reason}`);
        sizes.push(read.entries.length);
        if (read.isFull) expect(read.entries.length).toBe(Math.max(...sizes));
        entries.push(...read.entries);
      }
      await more;
      expect(Math.max(...sizes)).toBeGreaterThanOrEqual(entriesPerRead);
      expect(entries.map(({ revision }) => revision)).toEqual(Array.from({ length: 528 }, (_, at) => at + 1));
      expect(await reader.readLog(entries.at(-1) ?? logStart, 0)).toMatchObject({
        entries: [],
        isFull: false,
      });
    });

    it('diverges for a following reader after it was replaced, at any point', async () => {
      const { store } = test;
      for (let made = 0; made < 60; made += 1) applied(await store.commit(request([cluster('a')])));
      const reader = store.openLogReader({ follows: true });
      // After a first read of this size the reader looks for more.
      expect(await reader.readLog(logStart, 0)).toMatchObject({ ok: true });
      expect(await reader.readLog({ revision: 20, commitId: 'other' }, 0)).toEqual({
        ok: false,
        reason: 'diverged',
      });
      expect(await reader.readLog({ revision: 90, commitId: 'other' }, 0)).toEqual({
        ok: false,
        reason: 'diverged',
      });
    });

    it('diverges for a reader with an unknown last commit', async () => {
      const { store } = test;
      for (const id of ['a', 'b']) applied(await store.commit(request([cluster(id)])));
      const diverged = { ok: false, reason: 'diverged' };
      expect(await store.openLogReader().readLog({ revision: 1, commitId: 'other' }, 0)).toEqual(diverged);
      expect(await store.openLogReader().readLog({ revision: 2, commitId: 'other' }, 0)).toEqual(diverged);
      expect(await store.openLogReader().readLog({ revision: 9, commitId: 'other' }, 0)).toEqual(diverged);
    });

    it('can be scanned for all entities with their revisions', async () => {
      const { store } = test;
      const writes = Array.from({ length: 900 }, (_, index) => cluster(`c${index}`));
      applied(await store.commit(request(writes)));
      applied(await store.commit(request([cluster('c5', 2)])));
      const entities = await scanAll(store.openLogReader());
      expect(entities.size).toBe(900);
      expect([entities.get('cluster/c4'), entities.get('cluster/c5')]).toEqual([1, 2]);
    });

    it('ends a waiting read when the reader is closed', async () => {
      const reader = test.store.openLogReader();
      await reader.head();
      const read = reader.readLog(logStart, 30_000);
      const ended = expect(read).rejects.toMatchObject({ code: 'unavailable' });
      await reader.close();
      await ended;
    });
  });

  describe('a replica', () => {
    it('holds the state before its start and the changes after it', async () => {
      const { store } = test;
      applied(await store.commit(request([cluster('a'), task('j.0-0', 'j')])));
      const replica = await Replica.start(store.openLogReader());
      expect(replica.revision).toBe(1);
      const { revision } = applied(await store.commit(request([task('j.1-0', 'j'), removal('a')])));
      await replica.waitFor(revision, 10_000);
      expect(replica.find('cluster', 'a')).toBeUndefined();
      expect(replica.tasksOf('j').map(({ id }) => id)).toEqual(['j.0-0', 'j.1-0']);
      await replica.close();
    });

    it('emits every commit once and in order while many clients commit', async () => {
      const { store } = test;
      const replica = await Replica.start(store.openLogReader());
      const seen: number[] = [];
      replica.changes$.subscribe(({ revision, actor }) => {
        expect(actor).not.toBe(resyncActor);
        seen.push(revision);
      });
      await Promise.all(
        Array.from({ length: 300 }, (_, index) => store.commit(request([cluster(`c${index}`)]))),
      );
      await waitFor(() => replica.revision === 300, { what: 'the replica holds all commits' });
      expect(seen).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
      expect(replica.count('cluster')).toBe(300);
      await replica.close();
    });
  });
}
