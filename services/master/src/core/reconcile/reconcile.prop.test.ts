import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { runtimeEndMs } from '@berth/shared/model/job/mantis';
import { noStage, slotKey } from '@berth/shared/model/job/stages';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aJob,
  aMantisJob,
  aTask,
  limits,
  look,
  minute,
  second,
  t0,
  type ViewOptions,
} from '../../testing/fixtures.js';

const codes = [
  'normal',
  'killed',
  'failed',
  'oom',
  'systemError',
  'agentLost',
  'stuckInState',
  'scaledDown',
] as const;
const policies = fc.constantFrom(
  { $case: 'immediate', value: { retries: 1 } } as const,
  { $case: 'delayed', value: { initialDelayMs: 0, delayMs: 5 * second, retries: 3 } } as const,
);
const jobs = fc
  .record({
    kind: fc.constantFrom('batch', 'service', 'mantis'),
    desired: fc.nat(4),
    desiredOfSecond: fc.nat(4),
    retry: policies,
    killed: fc.boolean(),
    runtimeLimitSecs: fc.constantFrom(0, 60),
    ageMs: fc.constantFrom(0, 2 * minute),
  } as const)
  .map(({ kind, desired, desiredOfSecond, ageMs, ...rest }) =>
    kind === 'mantis'
      ? aMantisJob({ ...rest, stages: [desired, desiredOfSecond], createdAtMs: t0 - ageMs })
      : aJob({ ...rest, kind, desired }),
  );

const slotTasks = fc.record({
  attempts: fc.integer({ min: 1, max: 3 }),
  state: fc.constantFrom(
    State.QUEUED,
    State.DISPATCHED,
    State.STARTING,
    State.RUNNING,
    State.FINISHED,
    State.FAILED,
  ),
  code: fc.constantFrom(...codes),
  stop: fc.constantFrom(undefined, 'killed', 'scaledDown', 'runtimeLimitExceeded'),
  agent: fc.nat(2),
  sinceMs: fc.constantFrom(0, second, minute, 20 * minute),
  deadlineInMs: fc.constantFrom(undefined, -second, minute),
  replaceInMs: fc.constantFrom(undefined, -second, minute),
});

type SlotTasks = typeof slotTasks extends fc.Arbitrary<infer T> ? T : never;

/** Any job that a master may find: earlier attempts are replaced, the newest one is in any state. */
const views = fc
  .record({
    job: jobs,
    slots: fc.array(slotTasks, { maxLength: 6 }),
    requests: fc.array(fc.nat(5)),
    lost: fc.boolean(),
  })
  .map(({ job, slots, requests, lost }): ViewOptions => {
    const tasks = slots.flatMap((given, index) => tasksOfSlot(job, index, given));
    const stopRequests = requests
      .map((slot) => tasks.filter((task) => task.slot === slot).at(-1))
      .flatMap((task) => (task ? [taskIdOf(task)] : []));
    return { job, tasks, stopRequests, lostAgents: lost ? ['agent-0'] : [] };
  });

/** Of a Mantis job the slots belong to its two stages in turn. */
function tasksOfSlot(job: ReturnType<typeof aJob>, index: number, given: SlotTasks): readonly TaskRecord[] {
  const { attempts, agent, sinceMs } = given;
  const isMantis = job.descriptor?.jobSpec?.$case === 'mantis';
  const place = isMantis ? { stage: 1 + (index % 2), slot: index >> 1 } : { slot: index };
  const options = { job, ...place, agentId: `agent-${agent}`, atMs: t0 - sinceMs };
  const numbered = (attempt: number) => (isMantis ? { workerNumber: 1 + index * 3 + attempt } : {});
  const earlier = Array.from({ length: attempts - 1 }, (_, attempt) =>
    aTask({ ...options, attempt, state: State.FAILED, record: { replaced: true }, ...numbered(attempt) }),
  );
  const last = { attempt: attempts - 1, ...numbered(attempts - 1) };
  const newest = aTask({ ...options, ...last, state: given.state, code: given.code });
  return [...earlier, { ...newest, ...bearings(newest, given) }];
}

function bearings(task: TaskRecord, { stop, deadlineInMs, replaceInMs }: SlotTasks): Partial<TaskRecord> {
  const at = (inMs: number | undefined, otherwise: number) => (inMs === undefined ? otherwise : t0 + inMs);
  if (!isTaskLive(task)) return { replaceAtMs: at(replaceInMs, 0) };
  if (task.agentId === '') return {};
  const order = stop && { code: stop, text: '', atMs: t0 };
  return { stop: order, deadlineAtMs: at(deadlineInMs, order ? t0 + minute : task.deadlineAtMs) };
}

const liveSlots = (tasks: readonly TaskRecord[] = []) =>
  tasks.filter(isTaskLive).map(({ stage, slot }) => slotKey(stage, slot));
const capacities = fc.constantFrom(4, 7, 1000);

describe('reconcile', () => {
  it('decides nothing more once its decision is carried out, within the limit of writes', () => {
    fc.assert(
      fc.property(views, (view) => {
        const keep = { ...limits, finishedRetentionMs: 60 * minute };
        const first = look(view, { limits: keep });
        const again = look(first.next, { limits: keep });
        expect({ tasks: again.tasks, status: again.status, retired: again.retired.taskIds }).toEqual({
          tasks: [],
          status: undefined,
          retired: [],
        });
        expect(again.nextDueMs).toBe(first.nextDueMs);
      }),
      { numRuns: 500 },
    );
  });

  it('comes to the same end in small steps as in one', () => {
    fc.assert(
      fc.property(views, capacities, (view, maxWrites) => {
        const whole = look(view);
        let parts = look(view, { maxWrites });
        for (let steps = 0; !parts.isComplete && steps < 100; steps++)
          parts = look(parts.next, { maxWrites });
        expect(parts.isComplete).toBe(true);
        const facts = ({ tasks = [], status }: ViewOptions) => ({
          ids: tasks.map(taskIdOf).toSorted(),
          live: liveSlots(tasks).toSorted(),
          state: status?.state,
        });
        expect(facts(look(parts.next).next)).toEqual(facts(look(whole.next).next));
      }),
      { numRuns: 300 },
    );
  });

  it('writes no more than it may', () => {
    fc.assert(
      fc.property(views, capacities, (view, maxWrites) => {
        const { tasks, status, retired } = look(view, {
          maxWrites,
          limits: { ...limits, finishedRetentionMs: 0 },
        });
        const writes =
          tasks.length + (status === undefined ? 0 : 1) + retired.taskIds.length * 2 + (retired.job ? 2 : 0);
        expect(writes).toBeLessThanOrEqual(maxWrites);
      }),
      { numRuns: 300 },
    );
  });

  it('has at most one live task per slot, and never moves a task back', () => {
    fc.assert(
      fc.property(views, capacities, (view, maxWrites) => {
        const { tasks, next } = look(view, { maxWrites });
        expect(new Set(liveSlots(next.tasks)).size).toBe(liveSlots(next.tasks).length);
        const before = new Map((view.tasks ?? []).map((task) => [taskIdOf(task), task]));
        for (const task of tasks) {
          const was = before.get(taskIdOf(task));
          if (was !== undefined) expect(taskState(task)).toBeGreaterThanOrEqual(taskState(was));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('gives every task of a stage, and no other, a worker number of its own', () => {
    fc.assert(
      fc.property(views, capacities, (view, maxWrites) => {
        const { next } = look(view, { maxWrites });
        const tasks = next.tasks ?? [];
        const numbers = tasks.flatMap(({ workerNumber }) => workerNumber ?? []);
        expect(new Set(numbers).size).toBe(numbers.length);
        for (const { stage, workerNumber } of tasks)
          expect(workerNumber === undefined).toBe(stage === noStage);
      }),
      { numRuns: 300 },
    );
  });

  it('starts nothing once the job has run for as long as it may', () => {
    fc.assert(
      fc.property(views, (view) => {
        const nowMs = runtimeEndMs(view.job ?? aJob());
        fc.pre(Number.isFinite(nowMs) && nowMs >= t0);
        const known = new Set((view.tasks ?? []).map(taskIdOf));
        const { next } = look(view, { nowMs });
        expect((next.tasks ?? []).every((task) => known.has(taskIdOf(task)))).toBe(true);
      }),
    );
  });

  it('never asks for a pass at a time that has passed', () => {
    fc.assert(
      fc.property(views, (view) => {
        const first = look(view);
        if (first.isComplete) expect(first.nextDueMs).toBeGreaterThan(t0);
      }),
      { numRuns: 500 },
    );
  });

  it('starts nothing for a killed job', () => {
    fc.assert(
      fc.property(views, (view) => {
        const { next } = look({ ...view, job: { ...(view.job ?? aJob()), kill: { atMs: t0, by: 'ada' } } });
        const known = new Set((view.tasks ?? []).map(taskIdOf));
        expect((next.tasks ?? []).every((task) => known.has(taskIdOf(task)))).toBe(true);
      }),
    );
  });
});
