import {
  type DeepPartial,
  ObservedKind,
  type ObserveRequest_Subscription,
} from '@berth/shared/gen/berth/v1/observe_service';
import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { systemClock } from '@berth/shared/process/clock';
import type { CellStore, LogRead } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CellMirror } from '../../testing/cell-mirror.js';
import { CellWatcher } from '../../testing/cell-watcher.js';
import { aServiceJob } from '../../testing/fixtures.js';
import { readingBy, withLogReaders } from '../../testing/log-readers.js';
import { decide, RunningGateway } from '../../testing/running-gateway.js';
import { jobWrite, moveWrite, statusWrite, taskWrite, wideTaskWrite } from '../../testing/scripted-cell.js';

let store: MemoryStore;
let gateway: RunningGateway;
let env: NodeJS.ProcessEnv = {};
const watchers: CellWatcher[] = [];

beforeEach(async () => {
  store = new MemoryStore({ clock: systemClock });
  gateway = await RunningGateway.start(store, env);
});
afterEach(async () => {
  for (const watcher of watchers.splice(0)) watcher.close();
  await gateway.close();
  await store.close();
});

function watch(
  subscription: DeepPartial<ObserveRequest_Subscription> = {},
  mirror?: CellMirror,
): CellWatcher {
  const watcher = new CellWatcher(`127.0.0.1:${gateway.gateway.grpcPort}`, subscription, mirror);
  watchers.push(watcher);
  return watcher;
}

const keys = ({ mirror }: CellWatcher) => [...mirror.entities.keys()].sort();
const task = (id: string, state: State = State.QUEUED) =>
  state === State.QUEUED ? taskWrite(id) : moveWrite(taskWrite(id).record, state);

/** Wraps a store. Reads of the log without following it go through `by`. */
function readingPastBy(target: CellStore, by: (read: () => Promise<LogRead>) => Promise<LogRead>): CellStore {
  return withLogReaders(target, (options) =>
    options.follows === true ? target.openLogReader(options) : readingBy(target.openLogReader(options), by),
  );
}

describe.each(['on', 'off'])('ObserveService with the tuning %s', (setting) => {
  beforeAll(() => {
    env = { BERTH_API_TUNING: setting };
  });

  it('begins with a snapshot and sends every commit with its revision', async () => {
    await decide(store, [jobWrite('a'), task('a.0-0')]);
    const watcher = watch();
    await watcher.until(() => watcher.mirror.isLive);
    expect(keys(watcher)).toEqual([`${ObservedKind.JOB}/a`, `${ObservedKind.TASK}/a.0-0`]);
    const revision = await decide(store, [task('a.0-0', State.RUNNING), statusWrite('a', State.RUNNING)]);
    await watcher.caughtUp();
    const commits = watcher.mirror.received.flatMap((one) =>
      one.$case === 'commits' ? one.value.commits : [],
    );
    expect(
      commits.map((commit) => [commit.revision, commit.changes.map(({ change }) => change?.$case)]),
    ).toEqual([[revision, ['task', 'jobStatus']]]);
    expect(watcher.mirror.position?.revision).toBe(revision);
  });

  it('resumes at a position without duplicates', async () => {
    await decide(store, [jobWrite('a'), task('a.0-0')]);
    const first = watch();
    await first.until(() => first.mirror.isLive);
    first.close();
    await decide(store, [task('a.0-0', State.RUNNING)]);
    await decide(store, [jobWrite('b')]);
    const second = watch({ resumeFrom: first.mirror.resume() }, first.mirror);
    const { changes } = first.mirror;
    await second.until(() => second.mirror.isLive);
    expect(second.kinds.filter((kind) => kind === 'snapshot')).toHaveLength(1);
    expect(second.mirror.changes - changes).toBe(2);
    expect(keys(second)).toContain(`${ObservedKind.JOB}/b`);
  });

  it('resumes at another gateway that has not seen the past', async () => {
    await decide(store, [jobWrite('a'), task('a.0-0')]);
    const first = watch();
    await first.until(() => first.mirror.isLive);
    await gateway.close();
    await first.until(() => first.code !== undefined);
    expect(first.code).toBe(status.UNAVAILABLE);
    const { revision, commitId } = first.mirror.resume();
    expect(first.trailers?.get('berth-resume-from')).toEqual([`${revision}:${commitId}`]);
    await decide(store, [task('a.0-0', State.RUNNING)]);
    await decide(store, [{ kind: 'task', id: 'a.0-0' }, jobWrite('b')]);
    gateway = await RunningGateway.start(store, env);
    const second = watch({ resumeFrom: { revision, commitId } }, first.mirror);
    await second.caughtUp();
    expect(second.mirror.resets).toBe(0);
    expect(second.mirror.changes).toBe(3);
    expect(keys(second)).toEqual([`${ObservedKind.JOB}/a`, `${ObservedKind.JOB}/b`]);
  });

  it('answers a position of another history with a reset and a snapshot', async () => {
    await decide(store, [jobWrite('a')]);
    for (const resumeFrom of [
      { revision: 1, commitId: 'never' },
      { revision: 99, commitId: 'later' },
    ]) {
      const watcher = watch({ resumeFrom });
      await watcher.caughtUp();
      expect(watcher.kinds.slice(0, 3)).toEqual(['reset', 'snapshot', 'snapshotEnd']);
      expect(watcher.mirror.received[0]).toMatchObject({
        value: { afterRevision: resumeFrom.revision, toRevision: 1 },
      });
      expect(keys(watcher)).toEqual([`${ObservedKind.JOB}/a`]);
    }
  });

  it('answers a trimmed position with a reset, and answers the earlier checkpoint', async () => {
    await gateway.close();
    await store.close();
    store = new MemoryStore({ clock: systemClock, logLength: 10 });
    await decide(store, [jobWrite('a')]);
    gateway = await RunningGateway.start(store, env);
    const first = watch();
    await first.until(() => first.mirror.isLive);
    first.close();
    await gateway.close();
    for (let count = 0; count < 20; count += 1) await decide(store, [jobWrite(`j${count}`)]);
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const reads: unknown[] = [];
    gateway = await RunningGateway.start(
      readingPastBy(store, async (read) => {
        reads.push(read);
        await held;
        return read();
      }),
      env,
    );
    const fast = watch();
    await fast.until(() => fast.mirror.isLive);
    const again = watch({ resumeFrom: first.mirror.resume() });
    const ids = ['one', 'two', 'three'];
    for (const id of ids) again.ask(id);
    await again.until(() => reads.length === 1);
    // When the other stream's checkpoints have been answered, these wait behind messages that cannot be
    // read.
    for (const _ of ids) await fast.caughtUp();
    expect(again.kinds).toEqual([]);
    goOn();
    await again.until(() => ids.every((id) => again.hasReached(id)));
    expect(again.kinds).toEqual(['reset', 'snapshot', 'snapshotEnd', ...ids.map(() => 'checkpointReached')]);
    expect(again.mirror.received[0]).toMatchObject({ value: { reason: 'the change log was trimmed' } });
    expect(keys(again)).toHaveLength(21);
  });

  it('sends bookmarks while nothing happens', async () => {
    const watcher = watch({ bookmarkIntervalMs: 100, filteringCriteria: { appName: 'none' } });
    await watcher.until(() => watcher.mirror.isLive);
    const revision = await decide(store, [jobWrite('a')]);
    await watcher.until(() => watcher.mirror.position?.revision === revision);
    expect(watcher.kinds.at(-1)).toBe('bookmark');
    expect(watcher.mirror.changes).toBe(0);
  });

  it('sends only the selected part of the cell, and reports entities that leave it as removed', async () => {
    const named = (id: string, appName: string) => jobWrite(id, { descriptor: aServiceJob({ appName }) });
    await decide(store, [
      named('a', 'web'),
      task('a.0-0', State.RUNNING),
      named('b', 'db'),
      task('b.0-0', State.RUNNING),
    ]);
    const watcher = watch({
      filteringCriteria: { appName: 'web', taskStates: 'RUNNING' },
      kinds: [ObservedKind.JOB, ObservedKind.TASK],
    });
    await watcher.until(() => watcher.mirror.isLive);
    const [jobA, jobB, taskA, taskB] = [
      `${ObservedKind.JOB}/a`,
      `${ObservedKind.JOB}/b`,
      `${ObservedKind.TASK}/a.0-0`,
      `${ObservedKind.TASK}/b.0-0`,
    ];
    expect(keys(watcher)).toEqual([jobA, taskA]);
    await decide(store, [task('a.0-0', State.FINISHED), task('a.1-0'), statusWrite('a', State.RUNNING)]);
    await watcher.caughtUp();
    expect(keys(watcher)).toEqual([jobA]);
    await decide(store, [named('b', 'web'), named('a', 'db')]);
    await watcher.caughtUp();
    expect(keys(watcher)).toEqual([jobB, taskB]);
    const position = watcher.mirror.resume();
    watcher.close();
    await decide(store, [named('a', 'web'), task('a.1-0', State.RUNNING)]);
    await decide(store, [named('b', 'db')]);
    const again = watch(
      {
        filteringCriteria: { appName: 'web', taskStates: 'RUNNING' },
        kinds: [ObservedKind.JOB, ObservedKind.TASK],
        resumeFrom: position,
      },
      watcher.mirror,
    );
    await again.caughtUp();
    expect(keys(again)).toEqual([jobA, `${ObservedKind.TASK}/a.1-0`]);
  });

  it('sends only the requested fields of jobs and tasks', async () => {
    await decide(store, [jobWrite('a'), task('a.0-0', State.RUNNING)]);
    const watcher = watch({ jobFields: ['jobDescriptor.owner'], taskFields: ['state'] });
    await watcher.until(() => watcher.mirror.isLive);
    expect(watcher.mirror.entities.get(`${ObservedKind.TASK}/a.0-0`)?.value).toMatchObject({
      id: 'a.0-0',
      state: { state: State.RUNNING },
      taskContext: {},
      stateChanges: [],
    });
    expect(watcher.mirror.entities.get(`${ObservedKind.JOB}/a`)?.value).toMatchObject({
      clusterId: 'default',
      descriptor: { owner: { ownerEmail: 'ada@example.org' }, containers: {} },
    });
  });

  it('names every error of a subscription', async () => {
    const watcher = watch({
      kinds: [77 as ObservedKind],
      filteringCriteria: { nope: '1' },
      taskFields: ['colour'],
    });
    await watcher.until(() => watcher.code !== undefined);
    expect(watcher.code).toBe(status.INVALID_ARGUMENT);
    for (const field of ['kinds[0]', 'filtering_criteria["nope"]', 'task_fields[0]'])
      expect(watcher.details).toContain(field);
  });

  it('sends a subscriber after a long absence all missed changes at its own pace, then the newer ones', async () => {
    const wide = (count: number) => {
      const { kind, id, record } = taskWrite('a.0-0');
      const taskContext = { count: String(count), pad: 'x'.repeat(10_000) };
      return { kind, id, record: { ...record, task: record.task && { ...record.task, taskContext } } };
    };
    await decide(store, [jobWrite('a')]);
    const first = watch();
    await first.until(() => first.mirror.isLive);
    first.close();
    await gateway.close();
    const missed = 800;
    for (let count = 0; count < missed; count += 1) await decide(store, [wide(count)]);
    let logged = 0;
    gateway = await RunningGateway.start(
      readingPastBy(store, async (read) => {
        const entries = await read();
        if (entries.ok) logged += entries.entries.length;
        return entries;
      }),
      env,
    );
    const again = watch({ resumeFrom: first.mirror.resume() }, first.mirror);
    again.pause();
    const fast = watch();
    await fast.until(() => fast.mirror.isLive);
    const meanwhile = 50;
    for (let count = missed; count < missed + meanwhile; count += 1) await decide(store, [wide(count)]);
    await fast.caughtUp();
    // The changes that the paused subscriber missed stay in the log.
    expect(logged).toBeLessThan(missed / 2);
    const { changes } = first.mirror;
    again.resume();
    await again.caughtUp();
    expect(again.mirror.resets).toBe(0);
    expect(again.mirror.changes - changes).toBe(missed + meanwhile);
    expect(logged).toBeGreaterThanOrEqual(missed);
    expect([...again.mirror.entities]).toEqual([...fast.mirror.entities]);
  });

  it('sends a stalled subscriber the newest state of everything, and every end', async () => {
    await decide(store, [jobWrite('a')]);
    const [fast, slow] = [watch(), watch()];
    for (const watcher of [fast, slow]) await watcher.until(() => watcher.mirror.isLive);
    slow.pause();
    const rounds = 200;
    for (let count = 0; count < rounds; count += 1) {
      await decide(
        store,
        Array.from({ length: 20 }, (_, slot) => wideTaskWrite(slot, count)),
      );
      await fast.caughtUp();
    }
    await fast.caughtUp();
    await decide(
      store,
      Array.from({ length: 20 }, (_, slot) => moveWrite(wideTaskWrite(slot, rounds).record, State.FINISHED)),
    );
    await decide(store, [{ kind: 'task', id: 'a.0-0' }]);
    slow.resume();
    for (const watcher of [fast, slow]) await watcher.caughtUp();
    expect(slow.mirror.changes).toBeLessThan(fast.mirror.changes);
    expect([...slow.mirror.entities]).toEqual(expect.arrayContaining([...fast.mirror.entities]));
    expect(keys(slow)).toEqual(keys(fast));
    const ends = slow.mirror.received
      .flatMap((one) => (one.$case === 'commits' ? one.value.commits : []))
      .flatMap(({ changes }) => changes)
      .filter(({ change }) => change?.$case === 'task' && change.value.state?.state === State.FINISHED);
    expect(ends).toHaveLength(20);
  });
});
