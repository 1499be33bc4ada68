import { archivePartBytes, maxWritesPerCommit } from '@berth/store';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/process/wait-for.js';
import type { StoreUnderTest } from './store-contract.js';
import {
  applied,
  assignment,
  cluster,
  logStart,
  readAll,
  removal,
  report,
  request,
  scanAll,
} from './store-fixtures.js';

/** Preconditions, atomicity, commit ids, fencing, claims, archive. */
export function commitContract(test: StoreUnderTest): void {
  describe('a commit', () => {
    it('raises the revision by one and returns its time', async () => {
      const first = applied(await test.store.commit(request([cluster('a')])));
      const second = applied(await test.store.commit(request([cluster('b')])));
      expect([first.revision, second.revision]).toEqual([1, 2]);
      expect(Math.abs(first.atMs - Date.now())).toBeLessThan(60_000);
      expect(second.atMs).toBeGreaterThanOrEqual(first.atMs);
    });

    it('that expects revision 0 creates an entity only if it does not exist', async () => {
      applied(await test.store.commit(request([cluster('a', 1, 0)])));
      const again = await test.store.commit(request([cluster('a', 2, 0)]));
      expect(again).toEqual({ ok: false, reason: 'conflict', kind: 'cluster', id: 'a', actualRevision: 1 });
    });

    it('changes an entity only at the expected revision', async () => {
      applied(await test.store.commit(request([cluster('a')])));
      applied(await test.store.commit(request([cluster('a', 2, 1)])));
      const stale = await test.store.commit(request([cluster('a', 3, 1)]));
      expect(stale).toEqual({ ok: false, reason: 'conflict', kind: 'cluster', id: 'a', actualRevision: 2 });
      const gone = await test.store.commit(request([removal('absent', 7)]));
      expect(gone).toEqual({
        ok: false,
        reason: 'conflict',
        kind: 'cluster',
        id: 'absent',
        actualRevision: 0,
      });
    });

    it('fails unless the entities that it expects are at their revisions', async () => {
      applied(await test.store.commit(request([cluster('a')])));
      const expecting = (id: string, revision: number) =>
        test.store.commit(request([cluster('b')], { expects: [{ kind: 'cluster', id, revision }] }));
      const conflict = { ok: false, reason: 'conflict', kind: 'cluster' };
      expect(await expecting('a', 0)).toEqual({ ...conflict, id: 'a', actualRevision: 1 });
      expect(await expecting('absent', 1)).toEqual({ ...conflict, id: 'absent', actualRevision: 0 });
      expect(applied(await expecting('a', 1)).revision).toBe(2);
      expect(applied(await expecting('absent', 0)).revision).toBe(3);
    });

    it('removes an entity, and a later one creates it again', async () => {
      applied(await test.store.commit(request([cluster('a')])));
      applied(await test.store.commit(request([removal('a', 1)])));
      expect(await scanAll(test.store.openLogReader())).toEqual(new Map());
      expect(applied(await test.store.commit(request([cluster('a', 2, 0)]))).revision).toBe(3);
    });

    it('is refused unless the log leads on from the head that it was decided on', async () => {
      const { store } = test;
      applied(await store.commit(request([cluster('a')], { commitId: 'first' })));
      applied(await store.commit(request([cluster('b')], { commitId: 'second' })));
      const on = (revision: number, commitId: string) =>
        store.commit(request([cluster('c')], { basis: { revision, commitId } }));
      const diverged = { ok: false, reason: 'diverged', head: { revision: 2, commitId: 'second' } };
      expect(await on(2, 'lost')).toEqual(diverged);
      expect(await on(1, 'lost')).toEqual(diverged);
      expect(await on(3, 'lost')).toEqual(diverged);
      expect(await on(3, 'second')).toEqual(diverged);
      expect(await on(0, 'lost')).toEqual(diverged);
      expect((await store.openLogReader().head()).revision).toBe(2);
      expect(applied(await on(2, 'second')).revision).toBe(3);
      expect(applied(await on(1, 'first')).revision).toBe(4);
      expect(applied(await on(logStart.revision, logStart.commitId)).revision).toBe(5);
    });

    it('leaves nothing behind when one of its preconditions fails', async () => {
      const { store } = test;
      applied(await store.commit(request([cluster('taken')])));
      await store.publish([report('t')]);
      const inbox = store.openReportInbox();
      const [queued] = await inbox.readReports('0', 10, 0);
      const refused = await store.commit(
        request([cluster('new'), cluster('taken', 2, 0)], {
          assignments: [{ agentId: 'agent', taskId: 't', assignment: assignment('t') }],
          claims: [{ name: 'name', owner: 'me' }],
          archive: [{ jobId: 'job', ttlMs: 60_000, fields: { job: Uint8Array.of(1) } }],
          ackReportsThrough: queued?.streamId ?? '',
        }),
      );
      expect(refused).toMatchObject({ ok: false, reason: 'conflict', id: 'taken' });
      const reader = store.openLogReader();
      expect(await scanAll(reader)).toEqual(new Map([['cluster/taken', 1]]));
      expect((await reader.head()).revision).toBe(1);
      expect(await store.openAssignmentFeed('agent').readAssignments('agent')).toEqual([]);
      expect(await store.findArchived('job')).toBeUndefined();
      expect(await inbox.readReports('0', 10, 0)).toHaveLength(1);
      applied(await store.commit(request([], { claims: [{ name: 'name', owner: 'another' }] })));
    });

    it('applies once if it is repeated with its id, and returns the same result', async () => {
      const commit = request([cluster('a', 1, 0)], { commitId: 'once' });
      const first = await test.store.commit(commit);
      applied(await test.store.commit(request([cluster('b')])));
      expect(await test.store.commit(commit)).toEqual(first);
      expect((await test.store.openLogReader().head()).revision).toBe(2);
    });

    it('applies once if it is sent many times at once', async () => {
      const commit = request([cluster('a', 1, 0)], { commitId: 'once' });
      const results = await Promise.all(Array.from({ length: 10 }, () => test.store.commit(commit)));
      expect(new Set(results.map((result) => applied(result).revision))).toEqual(new Set([1]));
      expect((await test.store.openLogReader().head()).revision).toBe(1);
    });

    it('may be sent again with its id after it was refused', async () => {
      applied(await test.store.commit(request([cluster('a')])));
      const commit = request([cluster('a', 2, 0)], { commitId: 'later' });
      expect(await test.store.commit(commit)).toMatchObject({ ok: false, reason: 'conflict' });
      applied(await test.store.commit(request([removal('a')])));
      expect(applied(await test.store.commit(commit)).revision).toBe(3);
    });

    it('without writes does not raise the revision and is not in the log', async () => {
      applied(await test.store.commit(request([cluster('a')])));
      const assignments = [{ agentId: 'agent', taskId: 't', assignment: assignment('t') }];
      expect(applied(await test.store.commit(request([], { assignments }))).revision).toBe(1);
      expect(await test.store.openAssignmentFeed('agent').readAssignments('agent')).toEqual([
        assignment('t'),
      ]);
      expect(await readAll(test.store.openLogReader())).toHaveLength(1);
    });

    it('holds as many writes as one commit may have', async () => {
      const writes = Array.from({ length: maxWritesPerCommit }, (_, index) => cluster(`c${index}`, 1, 0));
      applied(await test.store.commit(request(writes)));
      const reader = test.store.openLogReader();
      expect((await scanAll(reader)).size).toBe(maxWritesPerCommit);
      const read = await reader.readLog(logStart, 0);
      expect(read.ok && read.entries[0]?.writes).toHaveLength(maxWritesPerCommit);
      applied(await test.store.commit(request(writes.map(({ id }) => removal(id, 1)))));
      expect((await scanAll(reader)).size).toBe(0);
    });

    it('that is invalid is refused with every violation', async () => {
      const many = Array.from({ length: maxWritesPerCommit + 1 }, (_, index) => cluster(`c${index}`));
      const invalid = test.store.commit(request([...many, cluster('c0')], { ackReportsThrough: 'x' }));
      await expect(invalid).rejects.toMatchObject({
        code: 'invalidArgument',
        violations: [{ field: 'writes' }, { field: 'writes' }, { field: 'ackReportsThrough' }],
      });
      expect((await test.store.openLogReader().head()).revision).toBe(0);
    });
  });

  describe('a claim', () => {
    it('has one owner, and this owner may claim it again', async () => {
      const { store } = test;
      const claims = [{ name: 'name', owner: 'first' }];
      applied(await store.commit(request([cluster('a')], { claims })));
      const refused = await store.commit(
        request([cluster('b')], { claims: [{ name: 'name', owner: 'second' }] }),
      );
      expect(refused).toEqual({ ok: false, reason: 'claimed', name: 'name', owner: 'first' });
      applied(await store.commit(request([cluster('b')], { claims })));
    });

    it('can be looked up while it is held', async () => {
      const { store } = test;
      const claims = [{ name: 'a name:1', owner: 'first', ttlMs: 60_000 }];
      expect(await store.findClaim('a name:1')).toBeUndefined();
      applied(await store.commit(request([], { claims })));
      expect(await store.findClaim('a name:1')).toBe('first');
      applied(await store.commit(request([], { releaseClaims: claims })));
      expect(await store.findClaim('a name:1')).toBeUndefined();
    });

    it('can be released for others', async () => {
      const { store } = test;
      applied(await store.commit(request([], { claims: [{ name: 'name', owner: 'first' }] })));
      applied(await store.commit(request([], { releaseClaims: [{ name: 'name', owner: 'first' }] })));
      applied(await store.commit(request([], { claims: [{ name: 'name', owner: 'second' }] })));
    });

    it('is not released by a former owner', async () => {
      const { store } = test;
      const first = [{ name: 'name', owner: 'first' }];
      applied(await store.commit(request([], { claims: [{ name: 'name', owner: 'second' }] })));
      applied(await store.commit(request([], { releaseClaims: first })));
      const refused = await store.commit(request([], { claims: first }));
      expect(refused).toEqual({ ok: false, reason: 'claimed', name: 'name', owner: 'second' });
    });

    it('can be taken from the named owner, by one commit only', async () => {
      const { store } = test;
      applied(await store.commit(request([], { claims: [{ name: 'name', owner: 'first' }] })));
      const taking = (owner: string) =>
        request([], { claims: [{ name: 'name', owner, takenFrom: 'first' }] });
      applied(await store.commit(taking('second')));
      const refused = { ok: false, reason: 'claimed', name: 'name', owner: 'second' };
      expect(await store.commit(taking('third'))).toEqual(refused);
      applied(await store.commit(taking('second')));
    });

    it('ends by itself after its time', async () => {
      const { store } = test;
      const claims = [{ name: 'name', owner: 'first', ttlMs: 50 }];
      applied(await store.commit(request([], { claims })));
      const other = request([], { claims: [{ name: 'name', owner: 'second' }] });
      await waitFor(async () => (await store.commit(other)).ok, { what: 'the claim has expired' });
    });
  });

  describe('the archive', () => {
    it('keeps all fields of a job, over several commits, too', async () => {
      const { store } = test;
      const archive = (fields: Record<string, Uint8Array>) => [{ jobId: 'job', ttlMs: 60_000, fields }];
      applied(
        await store.commit(request([cluster('a')], { archive: archive({ job: Uint8Array.of(1, 0, 255) }) })),
      );
      applied(await store.commit(request([], { archive: archive({ 'task/1': Uint8Array.of(2) }) })));
      const kept = await store.findArchived('job');
      expect([...(kept ?? [])].map(([field, bytes]) => [field, [...bytes]]).sort()).toEqual([
        ['job', [1, 0, 255]],
        ['task/1', [2]],
      ]);
      expect(await store.findArchived('another')).toBeUndefined();
      expect(await store.findArchivedField('job', 'task/1')).toEqual(Uint8Array.of(2));
      expect(await store.findArchivedField('job', 'task/2')).toBeUndefined();
      expect(await store.findArchivedField('another', 'job')).toBeUndefined();
    });

    it('is bounded by the bytes of a job: the oldest tasks go first', async () => {
      const { store } = test;
      const put = async (...names: string[]) => {
        const fields = Object.fromEntries(names.map((name) => [name, new Uint8Array(archivePartBytes / 2)]));
        applied(await store.commit(request([], { archive: [{ jobId: 'job', ttlMs: 60_000, fields }] })));
      };
      for (const id of ['1', '2', '3', '4', '5']) await put(`task/${id}`);
      expect([...((await store.findArchived('job')) ?? new Map()).keys()].sort()).toEqual([
        'task/3',
        'task/4',
        'task/5',
      ]);
      expect(await store.findArchivedField('job', 'task/3')).toHaveLength(archivePartBytes / 2);
    });

    it('forgets old tasks of a live job, and the rest of a job only after its time', async () => {
      const { store } = test;
      const ttlMs = 1_500;
      const put = async (...names: string[]) => {
        const fields = Object.fromEntries(names.map((name) => [name, Uint8Array.of(1)]));
        applied(await store.commit(request([], { archive: [{ jobId: 'job', ttlMs, fields }] })));
      };
      await put('task/0');
      let last = 0;
      await waitFor(
        async () => {
          last += 1;
          await put(`task/${last}`);
          return !(await store.findArchived('job'))?.has('task/0');
        },
        { what: 'the first task is forgotten' },
      );
      await put('job');
      const kept = [...((await store.findArchived('job')) ?? [])].map(([name]) => name);
      expect(kept).toEqual(expect.arrayContaining([`task/${last}`, 'job']));
      await waitFor(async () => (await store.findArchived('job')) === undefined, {
        what: 'all is forgotten',
      });
    });

    it('forgets a job after its time', async () => {
      const { store } = test;
      const archive = [{ jobId: 'job', ttlMs: 50, fields: { job: Uint8Array.of(1) } }];
      applied(await store.commit(request([], { archive })));
      await waitFor(async () => (await store.findArchived('job')) === undefined, {
        what: 'the archive expires',
      });
    });
  });
}
