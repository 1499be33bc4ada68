import { JobStatusRecord, type TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobState } from '@berth/shared/gen/job/v1/job_service';
import type { Entity, EntityKind, EntityRecords } from '@berth/shared/model/cell/entity';
import { State, stateName, toRfc3339 } from '@berth/shared/model/task/task-state';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';
import { aBatchJob } from '../../testing/fixtures.js';
import { jobWrite, taskWrite } from '../../testing/scripted-cell.js';
import {
  composeInstance,
  flagViolations,
  instanceState,
  isAmong,
  jobStatesOf,
  timestampOf,
} from './job-instances.js';

function entity<K extends EntityKind>(kind: K, id: string, record: EntityRecords[K]): Entity<K> {
  return { kind, id, record, revision: 1, bytes: new Uint8Array() };
}

interface Situation {
  /** The states of the job, the last one being current. Without any, the master has not seen the job. */
  readonly states?: readonly State[];
  readonly reason?: string;
  readonly killedAtMs?: number;
  readonly tasks?: readonly Partial<TaskRecord>[];
}

/** Returns a job with states 1000 ms apart, from 1000 on. */
function job({ states = [], reason = '', killedAtMs, tasks = [] }: Situation): JobWithTasks {
  const kill = killedAtMs === undefined ? undefined : { atMs: killedAtMs, by: 'ada' };
  const record = jobWrite('j', {
    descriptor: aBatchJob(),
    createdAtMs: 1_000,
    arguments: ['a', 'b'],
    kill,
  }).record;
  const state = states.at(-1);
  const status = JobStatusRecord.fromPartial({
    jobId: 'j',
    state: { state: state ?? State.QUEUED, reason },
    stateChanges: states.map((each, index) => ({
      state: stateName(each),
      timestamp: toRfc3339((index + 1) * 1000),
    })),
    finishedAtMs: states.length * 1000,
  });
  return {
    job: entity('job', 'j', record),
    ...(state === undefined ? {} : { status: entity('jobStatus', 'j', status) }),
    tasks: tasks.map((fields, index) =>
      entity('task', `j.0-${index}`, taskWrite(`j.0-${index}`, fields).record),
    ),
  };
}

/** A task in that state, placed and run unless it waits. */
function task(state: State, reason = '', fields: Partial<TaskRecord> = {}): Partial<TaskRecord> {
  return {
    task: { id: 'j.0-0', taskContext: {}, state: { state, reason }, stateChanges: [] },
    createdAtMs: 1_500,
    ...(state === State.QUEUED ? {} : { agentId: 'agent-1' }),
    ...(state < State.RUNNING ? {} : { runningAtMs: 2_500 }),
    ...fields,
  };
}

const { QUEUED, DISPATCHED, STARTING, RUNNING, FINISHED, FAILED } = State;

describe('the state of an instance', () => {
  it.each([
    ['CREATED when accepted', {}, JobState.CREATED],
    ['SCHEDULED while it waits', { states: [QUEUED], tasks: [task(QUEUED)] }, JobState.SCHEDULED],
    [
      'SCHEDULED once placed',
      { states: [QUEUED, DISPATCHED], tasks: [task(DISPATCHED)] },
      JobState.SCHEDULED,
    ],
    [
      'SCHEDULED while it starts',
      { states: [QUEUED, STARTING], tasks: [task(STARTING)] },
      JobState.SCHEDULED,
    ],
    ['PROCESSING while it runs', { states: [QUEUED, RUNNING], tasks: [task(RUNNING)] }, JobState.PROCESSING],
    [
      'COMPLETED at its end',
      { states: [QUEUED, RUNNING, FINISHED], reason: 'normal', tasks: [task(FINISHED, 'normal')] },
      JobState.COMPLETED,
    ],
    [
      'TERMINATED when it failed',
      { states: [QUEUED, FAILED], reason: 'failed: 1 of 1', tasks: [task(FAILED, 'failed: exit code 3')] },
      JobState.TERMINATED,
    ],
    [
      'TIMED_OUT at its runtime limit',
      {
        states: [QUEUED, FAILED],
        reason: 'failed: 1 of 1',
        tasks: [task(FAILED, 'runtimeLimitExceeded: long')],
      },
      JobState.TIMED_OUT,
    ],
    [
      'TERMINATED where a slot failed and another ran too long',
      {
        states: [QUEUED, FAILED],
        tasks: [task(FAILED, 'runtimeLimitExceeded'), task(FAILED, 'oom', { slot: 1 })],
      },
      JobState.TERMINATED,
    ],
    [
      'CANCELLED from the kill on',
      { states: [QUEUED, RUNNING], killedAtMs: 5, tasks: [task(RUNNING)] },
      JobState.CANCELLED,
    ],
    [
      'CANCELLED when killed',
      { states: [QUEUED, FINISHED], reason: 'killed', killedAtMs: 5 },
      JobState.CANCELLED,
    ],
    [
      'CANCELLED when its task was killed',
      { states: [QUEUED, FINISHED], reason: 'killed', tasks: [task(FINISHED, 'killed')] },
      JobState.CANCELLED,
    ],
    [
      'CANCELLED when a newer job took its place while it waited for a retry',
      {
        states: [QUEUED, RUNNING, FINISHED],
        reason: 'killed: a newer job of cluster "email" takes its place',
        killedAtMs: 5,
        tasks: [task(FAILED, 'failed: exit code 3')],
      },
      JobState.CANCELLED,
    ],
    [
      'TERMINATED when its task failed before the kill got to it',
      {
        states: [QUEUED, RUNNING, FAILED],
        reason: 'failed: 1 of 1 tasks failed',
        tasks: [task(FAILED, 'failed: exit code 3', { stop: { code: 'killed', text: '', atMs: 5 } })],
      },
      JobState.TERMINATED,
    ],
    [
      'COMPLETED when the kill came too late',
      { states: [QUEUED, FINISHED], reason: 'normal', killedAtMs: 5, tasks: [task(FINISHED, 'normal')] },
      JobState.COMPLETED,
    ],
  ] as const)('is %s', (_, situation, state) => {
    expect(instanceState(job(situation))).toBe(state);
  });
});

describe('an instance', () => {
  it('has the times of everything before its end', () => {
    const done = job({
      states: [QUEUED, RUNNING, FINISHED],
      reason: 'normal',
      tasks: [task(FINISHED, 'normal', { results: ['41', '42'] })],
    });
    expect(composeInstance(done, 'email')).toEqual({
      kind: 'email',
      uuid: 'j',
      state: JobState.COMPLETED,
      arguments: ['a', 'b'],
      results: ['41', '42'],
      createdAt: timestampOf(1_000),
      scheduledAt: timestampOf(1_500),
      processedAt: timestampOf(2_000),
      completedAt: timestampOf(3_000),
      attempts: 1,
    });
  });

  it('ran even if its job was never seen running', () => {
    const quick = job({ states: [QUEUED, FINISHED], reason: 'normal', tasks: [task(FINISHED, 'normal')] });
    expect(composeInstance(quick, 'email').processedAt).toEqual(timestampOf(2_500));
  });

  it('has the error, the results and the number of its last attempt', () => {
    const tasks = [
      task(FAILED, 'failed: exit code 1', { results: ['first'] }),
      task(FAILED, 'failed: exit code 3', { attempt: 1, results: ['second'] }),
    ];
    const failed = composeInstance(
      job({ states: [QUEUED, FAILED], reason: 'failed: 1 of 1', tasks }),
      'email',
    );
    expect(failed).toMatchObject({ error: 'failed: exit code 3', results: ['second'], attempts: 2 });
    expect(failed.terminatedAt).toEqual(timestampOf(2_000));
  });

  it('with several slots has the number of failures, all results, and the most attempts of a slot', () => {
    const tasks = [
      task(FINISHED, 'normal', { slot: 1, results: ['two'] }),
      task(FAILED, 'oom', { slot: 0, attempt: 2, results: ['one'] }),
    ];
    const failed = composeInstance(
      job({ states: [QUEUED, FAILED], reason: 'failed: 1 of 2', tasks }),
      'email',
    );
    expect(failed).toMatchObject({ error: 'failed: 1 of 2', results: ['one', 'two'], attempts: 3 });
  });

  it('counts no attempt while it waits for an agent', () => {
    expect(composeInstance(job({ states: [QUEUED], tasks: [task(QUEUED)] }), 'email').attempts).toBe(0);
    const again = task(QUEUED, '', { attempt: 1 });
    expect(composeInstance(job({ states: [QUEUED, RUNNING], tasks: [again] }), 'email').attempts).toBe(1);
  });

  it('was queued at its creation, even if only later attempts are kept', () => {
    const later = task(RUNNING, '', { attempt: 3, createdAtMs: 900_000, runningAtMs: 901_000 });
    const tried = composeInstance(job({ states: [QUEUED, RUNNING], tasks: [later] }), 'email');
    expect(tried).toMatchObject({ scheduledAt: timestampOf(1_000), processedAt: timestampOf(2_000) });
  });

  it('has the time of its cancellation or its time-out', () => {
    const cancelled = job({ states: [QUEUED, FINISHED], reason: 'killed', killedAtMs: 1_700 });
    expect(composeInstance(cancelled, 'email')).toMatchObject({ cancelledAt: timestampOf(1_700) });
    const late = job({
      states: [QUEUED, FAILED],
      tasks: [task(FAILED, 'runtimeLimitExceeded: it ran too long')],
    });
    expect(composeInstance(late, 'email')).toMatchObject({
      timedOutAt: timestampOf(2_000),
      error: 'runtimeLimitExceeded: it ran too long',
    });
  });
});

describe('flags of states', () => {
  it('select each of their states, and all states if there are none', () => {
    expect(isAmong(JobState.COMPLETED, JobState.COMPLETED | JobState.CREATED)).toBe(true);
    expect(isAmong(JobState.COMPLETED, JobState.PROCESSING)).toBe(false);
    expect(isAmong(JobState.COMPLETED, 0)).toBe(true);
  });

  it('are refused if no state has them', () => {
    expect([0, 1, 127].flatMap(flagViolations)).toEqual([]);
    for (const flags of [128, -1, 255])
      expect(flagViolations(flags)).toMatchObject([{ field: 'query.state' }]);
  });

  it('always include Berth’s own state of a selected instance', () => {
    const states = [QUEUED, DISPATCHED, STARTING, RUNNING, FINISHED, FAILED];
    const situation = fc.record({
      state: fc.constantFrom(...states),
      reason: fc.constantFrom('normal', 'killed', 'failed'),
      killed: fc.boolean(),
      code: fc.constantFrom('normal', 'killed', 'oom', 'runtimeLimitExceeded'),
    });
    fc.assert(
      fc.property(situation, fc.integer({ min: 1, max: 127 }), ({ state, reason, killed, code }, flags) => {
        const view = job({
          states: [state],
          reason,
          ...(killed ? { killedAtMs: 5 } : {}),
          tasks: [task(state, state >= FINISHED ? code : '')],
        });
        if (isAmong(instanceState(view), flags)) expect(jobStatesOf(flags)).toContain(stateName(state));
      }),
    );
  });
});

describe('a timestamp', () => {
  it('is exact to the millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (atMs) => {
        const { seconds, nanos } = timestampOf(atMs);
        expect(seconds * 1000 + nanos / 1_000_000).toBe(atMs);
      }),
    );
  });
});
