import { randomUUID } from 'node:crypto';
import { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { entityKinds } from '@berth/shared/model/cell/entity';
import { type CellStore, type LogHead, type LogReader, openStore, type Write } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { Replica, resyncActor, startReplica } from '@berth/store/replica';
import { encodeRecord, fieldOf } from '@berth/store/wire';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipRedisTests, startTestRedis, type TestRedis } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';
import { contentOf, expectSameCell } from './same-cell.js';
import { applied, cluster, request, task } from './store-fixtures.js';

const tunings = ['on', 'off'] as const;

/** Revision and bytes of each entity, as `contentOf` gives them. */
type Model = Map<string, string>;

const taskWrite = fc
  .record({ slot: fc.nat({ max: 5 }), job: fc.constantFrom('j1', 'j2'), version: fc.nat({ max: 9 }) })
  .map(({ slot, job, version }): Write => {
    const id = `${job}.${slot}-0`;
    // Created at a time of its own, so that a snapshot and the log agree on the order.
    const fields = { task: { id }, jobId: job, slot, createdAtMs: 1, deadlineAtMs: version };
    return { kind: 'task', id, record: TaskRecord.fromPartial(fields) };
  });
const clusterWrite = fc
  .record({ id: fc.constantFrom('a', 'b', 'c'), version: fc.integer({ min: 1, max: 9 }) })
  .map(({ id, version }): Write => cluster(id, version));
const removal = fc.oneof(taskWrite, clusterWrite).map(({ kind, id }): Write => ({ kind, id }));
const writes = fc.uniqueArray(fc.oneof(taskWrite, clusterWrite, removal), {
  selector: ({ kind, id }) => fieldOf(kind, id),
  minLength: 1,
  maxLength: 6,
});
/** Commits of one group are sent at once. */
const history = fc.array(fc.array(writes, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 });

async function commitGroup(
  store: CellStore,
  model: Model,
  group: readonly (readonly Write[])[],
): Promise<void> {
  const results = await Promise.all(group.map((list) => store.commit(request(list))));
  const commits = group.map((list, index) => ({
    list,
    revision: applied(results[index] ?? fail()).revision,
  }));
  for (const { list, revision } of commits.toSorted((a, b) => a.revision - b.revision)) {
    for (const write of list) {
      const field = fieldOf(write.kind, write.id);
      if (write.record === undefined) model.delete(field);
      else
        model.set(
          field,
          `${revision}:${Buffer.from(encodeRecord(write.kind, write.record)).toString('hex')}`,
        );
    }
  }
}

function fail(): never {
  throw new Error('each commit has a result');
}

/** The state of a subscriber that applies each change. It must never see a change that does not fit. */
function follow(replica: Replica): Model {
  const held = new Map(contentOf(replica));
  replica.changes$.subscribe(({ changes }: CommitChanges) => {
    for (const { kind, id, before, after } of changes) {
      const field = fieldOf(kind, id);
      const text = (entity: typeof after) =>
        entity && `${entity.revision}:${Buffer.from(entity.bytes).toString('hex')}`;
      expect(held.get(field)).toBe(text(before));
      if (after === undefined) held.delete(field);
      else held.set(field, text(after) ?? '');
    }
  });
  return held;
}

/** Short, so that a reader can fall behind; it is trimmed in blocks, and may be longer. */
const logLength = 100;

interface TestCell {
  readonly store: CellStore;
  /** Loses everything. */
  empty(): Promise<void>;
}

/** A reader that waits at a gate before each read of the log. */
function gated(reader: LogReader): { readonly reader: LogReader; open(): void } {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const readLog = async (after: LogHead, blockMs: number) => {
    if (blockMs > 0) await gate;
    return reader.readLog(after, blockMs);
  };
  const wrapped = {
    head: () => reader.head(),
    scan: () => reader.scan(),
    readLog,
    close: () => reader.close(),
  };
  return { reader: wrapped, open: () => open() };
}

function replicaContract(open: () => Promise<TestCell>): void {
  it('that followed the log equals a fresh snapshot and the model, after any history', async () => {
    const property = fc.asyncProperty(history, async (groups) => {
      const { store } = await open();
      const replica = await startReplica(store);
      const held = follow(replica);
      const model: Model = new Map();
      for (const group of groups) await commitGroup(store, model, group);
      await replica.waitFor(groups.flat().length, 10_000);
      expect(contentOf(replica)).toEqual(model);
      expect(held).toEqual(model);
      for (const kind of entityKinds) expect(replica.count(kind)).toBe([...replica.all(kind)].length);
      const fresh = await startReplica(store);
      expect(contentOf(fresh)).toEqual(model);
      for (const jobId of ['j1', 'j2']) {
        const ids = (of: Replica) =>
          of
            .tasksOf(jobId)
            .map(({ id }) => id)
            .toSorted();
        expect(ids(replica)).toEqual(ids(fresh));
      }
      await store.close();
      await Promise.all([replica.close(), fresh.close()]);
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it('misses no commit that is made during its start', async () => {
    const { store } = await open();
    const write = (index: number) =>
      store.commit(request([cluster(`c${index % 50}`, index + 1), cluster(`d${index}`)]));
    const commits = Array.from({ length: 500 }, async (_, index) => applied(await write(index)));
    const replicas = await Promise.all(Array.from({ length: 3 }, () => startReplica(store)));
    await Promise.all(commits);
    for (const replica of replicas) await replica.waitFor(500, 10_000);
    for (const replica of replicas) await expectSameCell(replica, store);
    await store.close();
    await Promise.all(replicas.map((replica) => replica.close()));
  });

  it('resynchronises after the log was trimmed beyond its position, and emits the difference as one commit', async () => {
    const { store } = await open();
    for (const id of ['kept', 'changed', 'removed']) applied(await store.commit(request([cluster(id)])));
    const gate = gated(store.openLogReader({ follows: true }));
    const replica = await Replica.start(gate.reader, { tuning: store.tuning ?? 'on' });
    const held = follow(replica);
    const seen: CommitChanges[] = [];
    replica.changes$.subscribe((commit) => seen.push(commit));
    applied(
      await store.commit(
        request([cluster('changed', 2), cluster('new'), { kind: 'cluster', id: 'removed' }]),
      ),
    );
    for (let count = 0; count < 3 * logLength; count += 1)
      applied(await store.commit(request([cluster('far')])));
    gate.open();
    await replica.waitFor(4 + 3 * logLength, 10_000);
    expect(seen.map(({ actor, revision }) => [actor, revision])).toEqual([[resyncActor, 4 + 3 * logLength]]);
    expect(seen[0]?.changes.map(({ id }) => id).toSorted()).toEqual(['changed', 'far', 'new', 'removed']);
    expect(held).toEqual(contentOf(replica));
    await expectSameCell(replica, store);
    await store.close();
    await replica.close();
  });

  it('resynchronises after the store was emptied', async () => {
    const { store, empty } = await open();
    for (const id of ['a', 'b', 'c']) applied(await store.commit(request([cluster(id)])));
    const replica = await startReplica(store, { blockMs: 50 });
    const held = follow(replica);
    await empty();
    await waitFor(() => replica.revision === 0, { what: 'the replica is empty' });
    expect(held).toEqual(new Map());
    applied(await store.commit(request([cluster('d')])));
    await waitFor(() => replica.find('cluster', 'd') !== undefined, {
      what: 'the replica follows the new log',
    });
    await expectSameCell(replica, store);
    expect(held).toEqual(contentOf(replica));
    await store.close();
    await replica.close();
  });
}

describe('a replica of the memory store', () => {
  describe.each(tunings)('with the tuning %s', (tuning) => {
    replicaContract(async () => {
      const store = new MemoryStore({ logLength, tuning });
      return { store, empty: async () => store.clear() };
    });
  });
});

describe.skipIf(skipRedisTests !== false)('a replica of the Redis store', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(() => redis.stop());

  describe.each(tunings)('with the tuning %s', (tuning) => {
    replicaContract(async () => {
      const store = await openStore({ url: redis.url, cell: randomUUID(), logLength, tuning });
      return { store, empty: async () => void (await redis.command('FLUSHALL')) };
    });
  });

  it('holds the same cell as the replica of a process with the other tuning', async () => {
    const cell = randomUUID();
    const stores = await Promise.all(tunings.map((tuning) => openStore({ url: redis.url, cell, tuning })));
    const replicas = await Promise.all(stores.map((store) => startReplica(store)));
    for (let version = 1; version <= 20; version += 1) {
      for (const [index, store] of stores.entries()) {
        const replica = replicas[index] ?? fail();
        const commitId = `c${version}-${index}`;
        const given = [task('j.0-0', 'j', version), cluster(`of-${index}`, version)];
        const { revision } = applied(
          await store.commit(request(replica.encodeOwn(commitId, given), { commitId })),
        );
        for (const each of replicas) await each.waitFor(revision, 10_000);
      }
    }
    const [on, off] = replicas.map(contentOf);
    expect(on).toEqual(off);
    expect(on?.size).toBe(3);
    for (const replica of replicas) await expectSameCell(replica, stores[0] ?? fail());
    await Promise.all(stores.map((store) => store.close()));
    await Promise.all(replicas.map((replica) => replica.close()));
  });
});
