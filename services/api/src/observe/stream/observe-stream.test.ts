import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { findJobWithTasks, liveJobs } from '../../gateway/core/job-with-tasks.js';
import { ModelSubscriber } from '../../testing/model-subscriber.js';
import {
  jobWrite,
  moveWrite,
  ScriptedCell,
  type Step,
  statusWrite,
  taskWrite,
  writesOf,
} from '../../testing/scripted-cell.js';
import { SlowSink } from '../../testing/slow-sink.js';
import { encodedMessages } from '../../tuning/encoding/pending-message.js';
import { plain, tuned } from '../../tuning/observe-tuning.js';
import { type JobNotification, jobNotificationsOf } from '../titus/core/job-notifications.js';
import { type JobStreamOptions, jobStream } from '../titus/job-stream.js';
import { ObserveStream } from './observe-stream.js';

let tuning = tuned;

function subscribe(
  cell: ScriptedCell,
  sink: SlowSink,
  options: Partial<JobStreamOptions> = {},
): ObserveStream<JobNotification> {
  const stream = jobStream({ tuning, sink, snapshot: [...liveJobs(cell)], endsWithJob: false, ...options });
  stream.start();
  return stream;
}

function send(
  stream: ObserveStream<JobNotification>,
  cell: ScriptedCell,
  commit: ReturnType<ScriptedCell['commit']>,
): number {
  const notifications = jobNotificationsOf(commit, cell);
  stream.offer(notifications);
  return notifications.length;
}

const kindsOf = (subscriber: ModelSubscriber) =>
  subscriber.received.map(({ notification }) => notification?.$case);

/**
 * The subscriber's state of each job must be the state in the cell, or the last state before the job ended.
 */
function expectSameState(
  subscriber: ModelSubscriber,
  cell: ScriptedCell,
  everFinished: ReadonlySet<string>,
): void {
  for (const { job, tasks } of liveJobs(cell)) {
    const known = subscriber.jobs.get(job.id);
    expect(known?.isFinished).toBe(false);
    expect(known?.descriptor).toEqual(job.record.descriptor);
    expect(Object.fromEntries(known?.tasks ?? [])).toEqual(
      Object.fromEntries(tasks.map(({ id, record }) => [id, record.task])),
    );
  }
  for (const [id, known] of subscriber.jobs) expect(known.isFinished).toBe(everFinished.has(id));
}

const step = fc.record<Step>({
  act: fc.constantFrom(
    'create',
    'addTask',
    'addTask',
    'move',
    'move',
    'move',
    'redefine',
    'kill',
    'touch',
    'finish',
    'remove',
  ),
  job: fc.nat(7),
  task: fc.nat(5),
});
/** Steps, and the number of writes that the subscriber takes after each commit. */
const paced = fc.record({ steps: fc.array(step, { minLength: 1, maxLength: 3 }), reads: fc.nat(4) });

describe.each([
  ['on', tuned],
  ['off', plain],
])('ObserveStream with the tuning %s', (_, chosen) => {
  beforeAll(() => {
    tuning = chosen;
  });

  it('sends each change once and in order to a subscriber of any pace', () => {
    const run = fc.record({
      before: fc.array(step, { maxLength: 20 }),
      after: fc.array(paced, { maxLength: 60 }),
      capacity: fc.integer({ min: 1, max: 4 }),
      maxPendingBytes: fc.constantFrom(0, 300, 100_000),
      maxSnapshotBytes: fc.constantFrom(100, 100_000),
    });
    fc.assert(
      fc.property(run, ({ before, after, capacity, ...limits }) => {
        const cell = new ScriptedCell();
        for (const one of before) cell.commit(...writesOf(one, cell));
        const sink = new SlowSink(capacity);
        const stream = subscribe(cell, sink, limits);
        const subscriber = new ModelSubscriber();
        const finished = new Set<string>();
        let sent = 0;
        for (const { steps, reads } of after) {
          const commit = cell.commit(...combine(steps, cell));
          for (const { kind, jobId } of jobNotificationsOf(commit, cell))
            if (kind === 'finished') finished.add(jobId);
          sent += send(stream, cell, commit);
          for (const bytes of sink.read(reads)) subscriber.receive(bytes);
        }
        while (sink.held > 0) for (const bytes of sink.read(1)) subscriber.receive(bytes);
        expect(stream.pending).toBe(0);
        expect(sink.peak).toBeLessThanOrEqual(capacity);
        expectSameState(subscriber, cell, finished);
        const snapshotEnd = kindsOf(subscriber).indexOf('snapshotEnd');
        const changes = subscriber.received.length - snapshotEnd - 1;
        if (limits.maxPendingBytes === 100_000) expect(changes).toBe(sent);
        else expect(changes).toBeLessThanOrEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  it('holds at most one change of each entity for a subscriber that reads nothing', () => {
    const cell = new ScriptedCell();
    cell.commit(jobWrite('job0'), taskWrite('job0.0-0'));
    const sink = new SlowSink(1);
    const stream = subscribe(cell, sink, { maxPendingBytes: 0 });
    for (let count = 0; count < 500; count += 1) {
      const record = { ...taskWrite('job0.0-0').record };
      const task = record.task && { ...record.task, taskContext: { count: String(count) } };
      send(stream, cell, cell.commit({ kind: 'task', id: 'job0.0-0', record: { ...record, task } }));
    }
    // One is the burst that was being sent when the subscriber stopped.
    expect(stream.pending).toBeLessThanOrEqual(2);
    const subscriber = new ModelSubscriber();
    while (sink.held > 0) for (const bytes of sink.read(1)) subscriber.receive(bytes);
    expect(subscriber.jobs.get('job0')?.tasks.get('job0.0-0')?.taskContext).toEqual({ count: '499' });
  });

  it('keeps every change for a subscriber that is only a little late', () => {
    const cell = new ScriptedCell();
    const task = taskWrite('job0.0-0');
    cell.commit(jobWrite('job0'), task);
    const sink = new SlowSink(1);
    const stream = subscribe(cell, sink);
    for (const to of [State.DISPATCHED, State.STARTING, State.RUNNING, State.FINISHED]) {
      send(stream, cell, cell.commit(moveWrite(cell.tasksOf('job0')[0]?.record ?? task.record, to)));
    }
    const subscriber = new ModelSubscriber();
    while (sink.held > 0) for (const bytes of sink.read(1)) subscriber.receive(bytes);
    expect(kindsOf(subscriber)).toEqual([
      'jobSnapshot',
      'snapshotEnd',
      'taskUdate',
      'taskUdate',
      'taskUdate',
      'taskUdate',
    ]);
  });

  it('sends the tasks of a very large job after it, before the end of the snapshot', () => {
    const cell = new ScriptedCell();
    const tasks = Array.from({ length: 50 }, (_, index) => taskWrite(`job0.${index}-0`, { slot: index }));
    cell.commit(jobWrite('job0'), ...tasks);
    const sink = new SlowSink(1000);
    subscribe(cell, sink, { maxSnapshotBytes: 1000 });
    const messages = sink.read();
    for (const bytes of messages) expect(bytes.length).toBeLessThanOrEqual(1000);
    const subscriber = new ModelSubscriber();
    for (const bytes of messages) subscriber.receive(bytes);
    expect(kindsOf(subscriber).at(0)).toBe('jobSnapshot');
    expect(kindsOf(subscriber).at(-1)).toBe('snapshotEnd');
    expect(subscriber.jobs.get('job0')?.tasks.size).toBe(50);
  });

  it('writes nothing after a large message until it has left', () => {
    const cell = new ScriptedCell();
    const context = { blob: 'x'.repeat(100_000) };
    const wide = (id: string) => {
      const { record } = taskWrite(id);
      return {
        kind: 'task',
        id,
        record: { ...record, task: record.task && { ...record.task, taskContext: context } },
      } as const;
    };
    cell.commit(jobWrite('job0'), wide('job0.0-0'), jobWrite('job1'), wide('job1.0-0'));
    const sink = new SlowSink(1000);
    subscribe(cell, sink);
    expect(sink.held).toBe(1);
    sink.read(1);
    expect(sink.held).toBe(1);
    sink.read(1);
    expect(sink.held).toBe(1);
  });

  it('ends after the end of its job if requested, and sends nothing more', async () => {
    const cell = new ScriptedCell();
    cell.commit(jobWrite('job0'));
    const view = findJobWithTasks(cell, 'job0');
    const sink = new SlowSink(100);
    const stream = subscribe(cell, sink, { snapshot: view ? [view] : [], endsWithJob: true });
    send(stream, cell, cell.commit(statusWrite('job0', State.FINISHED, 'killed')));
    await stream.done;
    stream.offer([{ kind: 'finished', jobId: 'job0' }]);
    const subscriber = new ModelSubscriber();
    for (const bytes of sink.read()) subscriber.receive(bytes);
    expect(kindsOf(subscriber)).toEqual(['jobSnapshot', 'snapshotEnd', 'jobFinished']);
    expect(sink.listenerCount('drain')).toBe(0);
  });

  it('is not blocked by a batch that has no messages', async () => {
    // Snapshots of earlier tests may have used up the budget of this turn.
    await new Promise(setImmediate);
    const sink = new SlowSink(100);
    const stream = new ObserveStream<string>({
      tuning,
      sink,
      // This exceeds the limit of bytes in flight, so the offered notifications have to wait.
      snapshot: encodedMessages([Buffer.alloc(100 * 1024)]),
      conflation: { subjectOf: (text) => text, isOpening: () => false, sizeOf: () => 1 },
      encode: {
        messagesOf: (batch) => batch.filter((text) => text !== '').map((text) => Buffer.from(text)),
      },
    });
    stream.start();
    for (const batch of [[''], ['', ''], ['a']]) stream.offer(batch);
    expect(sink.read(1)).toHaveLength(1);
    expect(sink.read().map(String)).toEqual(['a']);
    expect(stream.pending).toBe(0);
  });

  it('stops at once on request, and rejects with the reason', async () => {
    const cell = new ScriptedCell();
    const sink = new SlowSink(1);
    const stream = subscribe(cell, sink);
    stream.stop(new Error('enough'));
    send(stream, cell, cell.commit(jobWrite('job0')));
    await expect(stream.done).rejects.toThrow('enough');
    expect(stream.pending).toBe(0);
  });
});

/** Joins several steps into one commit. No two steps touch the same entity. */
function combine(steps: readonly Step[], cell: ScriptedCell) {
  const jobs = new Set<number>();
  return steps.flatMap((one) => {
    if (jobs.has(one.job)) return [];
    jobs.add(one.job);
    return writesOf(one, cell);
  });
}
