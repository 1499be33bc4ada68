import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { jobKind } from '@berth/shared/model/job';
import { isTaskLive, State, taskReasonCode, taskState } from '@berth/shared/model/task-state';
import { expect } from 'vitest';
import { taskIdIn } from '../core/task-changes.js';
import { must } from './fixtures.js';
import type { TestCell } from './test-cell.js';

/** What holds whenever a task is placed, or stopped for the system's own sake; written from what is promised to users. */
export function checkPlacement(
  cell: TestCell,
  before: TaskRecord | undefined,
  after: TaskRecord | undefined,
): void {
  if (after === undefined) return;
  if (after.agentId !== '' && (before?.agentId ?? '') === '') checkAgent(cell, after);
  const isNewOrder = after.stop !== undefined && before?.stop === undefined;
  if (isNewOrder && after.stop?.code === 'moved') checkMove(cell, after);
  if (isNewOrder && after.stop?.code === 'preempted') checkVictim(cell, after);
}

/** Not on a draining agent, and not where a task of the job has been refused within the last minute. */
function checkAgent(cell: TestCell, placed: TaskRecord): void {
  const { agentId, jobId } = placed;
  expect(cell.find('agentDrain', agentId), `${taskIdIn(placed)} comes to the draining ${agentId}`).toBe(
    undefined,
  );
  const placedMs = Date.parse(must(placed.task?.stateChanges.at(-1)).timestamp);
  const refusals = cell
    .tasksOf(jobId)
    .filter(({ record }) => record.agentId === agentId && taskReasonCode(record) === 'refused')
    .map(({ record }) => record.finishedAtMs);
  for (const atMs of refusals)
    expect(placedMs - atMs, `${taskIdIn(placed)} comes to ${agentId}, which refused its job`).toBeGreaterThan(
      60_000,
    );
}

/** Off a draining agent, batch tasks only after the deadline, and services one at a time before it. */
function checkMove(cell: TestCell, moved: TaskRecord): void {
  const drain = must(cell.find('agentDrain', moved.agentId)).record;
  const isOver = drain.deadlineAtMs > 0 && must(moved.stop).atMs >= drain.deadlineAtMs;
  if (isOver) return;
  const { descriptor } = must(cell.find('job', moved.jobId)).record;
  expect(descriptor && jobKind(descriptor), `${taskIdIn(moved)} is of a batch job`).not.toBe('batch');
  expect(missing(cell, moved.jobId), `of ${moved.jobId} too much is away`).toBeLessThanOrEqual(1);
}

/** A flex task, for a critical one that waits, and of a service no more than one at a time. */
function checkVictim(cell: TestCell, victim: TaskRecord): void {
  const { descriptor } = must(cell.find('job', victim.jobId)).record;
  expect(descriptor?.labels['berth.tier'] ?? 'flex').toBe('flex');
  if (descriptor !== undefined && jobKind(descriptor) !== 'batch')
    expect(missing(cell, victim.jobId), `of ${victim.jobId} too much is away`).toBeLessThanOrEqual(1);
  const critical = [...cell.all('task')].filter(
    ({ record }) =>
      taskState(record) === State.QUEUED &&
      cell.find('job', record.jobId)?.record.descriptor?.labels['berth.tier'] === 'critical',
  );
  expect(critical.length, `${taskIdIn(victim)} makes room for nobody`).toBeGreaterThan(0);
}

/** Slots of the job that are to be filled and have no task that runs and may go on. */
function missing(cell: TestCell, jobId: string): number {
  const slots = new Map<string, TaskRecord[]>();
  for (const { record } of cell.tasksOf(jobId)) {
    const key = `${record.stage}/${record.slot}`;
    slots.set(key, [...(slots.get(key) ?? []), record]);
  }
  return [...slots.values()].filter((tasks) => {
    const goesOn = tasks.some((task) => taskState(task) === State.RUNNING && task.stop === undefined);
    const isWanted = tasks.some(
      (task) =>
        (isTaskLive(task) || !task.replaced) &&
        task.stop?.code !== 'scaledDown' &&
        taskReasonCode(task) !== 'scaledDown',
    );
    return isWanted && !goesOn;
  }).length;
}
