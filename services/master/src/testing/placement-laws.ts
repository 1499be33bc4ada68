import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { AnyChange } from '@berth/shared/model/cell/change';
import { jobKind } from '@berth/shared/model/job/job';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, State, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';
import { expect } from 'vitest';
import { must } from './fixtures.js';
import type { TestCell } from './test-cell.js';

/**
 * The laws of every placement, and of every stop by the system itself, written from the promises to users.
 */
export function checkPlacements(cell: TestCell, changes: readonly AnyChange[]): void {
  const tasks = changes.filter((change) => change.kind === 'task');
  const ordered = (code: string) =>
    tasks.flatMap(({ before, after }) =>
      after?.record.stop?.code === code && before?.record.stop === undefined ? [after.record] : [],
    );
  const victims = ordered('preempted');
  for (const { before, after } of tasks) {
    if (after === undefined || after.record.agentId === '' || (before?.record.agentId ?? '') !== '') continue;
    checkAgent(cell, after.record);
    checkHandOver(cell, after.record, new Set(victims.map(taskIdOf)));
  }
  for (const task of ordered('moved')) checkMove(cell, task);
  for (const task of victims) checkVictim(cell, task);
}

/** The agent is not draining, and has not refused a task of the job within the last minute. */
function checkAgent(cell: TestCell, placed: TaskRecord): void {
  const { agentId, jobId } = placed;
  expect(cell.find('agentDrain', agentId), `${taskIdOf(placed)} comes to the draining ${agentId}`).toBe(
    undefined,
  );
  const placedMs = placedAtMs(placed);
  const refusals = cell
    .tasksOf(jobId)
    .filter(({ record }) => record.agentId === agentId && taskReasonCode(record) === 'refused')
    .map(({ record }) => record.finishedAtMs);
  for (const atMs of refusals)
    expect(placedMs - atMs, `${taskIdOf(placed)} comes to ${agentId}, which refused its job`).toBeGreaterThan(
      60_000,
    );
}

/**
 * Only a critical task waits for others. It waits for all that stop there when it is placed. All of them have
 * been ordered to stop, and they have their time to do so before the critical task counts as stuck. Victims
 * of the same commit may be missing: they can be victims of a task that the commit places after this one.
 */
function checkHandOver(cell: TestCell, placed: TaskRecord, victims: ReadonlySet<string>): void {
  const { agentId, awaitedTaskIds } = placed;
  if (awaitedTaskIds.length === 0) return;
  const { descriptor } = must(cell.find('job', placed.jobId)).record;
  expect(descriptor?.labels['berth.tier'], `the tier of ${taskIdOf(placed)}, which waits`).toBe('critical');
  for (const id of awaitedTaskIds) {
    const awaited = must(cell.find('task', id)).record;
    expect([awaited.agentId, isTaskLive(awaited)], `a victim of ${taskIdOf(placed)}`).toEqual([
      agentId,
      true,
    ]);
    expect(awaited.stop, `the order to ${id}`).toBeDefined();
    expect(placed.deadlineAtMs, `the time of ${taskIdOf(placed)}`).toBeGreaterThan(awaited.deadlineAtMs);
  }
  const stopping = [...cell.all('task')]
    .map(({ record }) => record)
    .filter((task) => task.agentId === agentId && isTaskLive(task) && task.stop !== undefined);
  for (const id of stopping.map(taskIdOf).filter((one) => !victims.has(one)))
    expect(awaitedTaskIds, `whom ${taskIdOf(placed)} waits for`).toContain(id);
}

function placedAtMs({ task }: TaskRecord): number {
  return Date.parse(must(task?.stateChanges.find(({ state }) => state === 'DISPATCHED')).timestamp);
}

/** Off a draining agent, batch tasks only after the deadline, and services one at a time before it. */
function checkMove(cell: TestCell, moved: TaskRecord): void {
  const drain = must(cell.find('agentDrain', moved.agentId)).record;
  const isOver = drain.deadlineAtMs > 0 && must(moved.stop).atMs >= drain.deadlineAtMs;
  if (isOver) return;
  const { descriptor } = must(cell.find('job', moved.jobId)).record;
  expect(descriptor && jobKind(descriptor), `${taskIdOf(moved)} is of a batch job`).not.toBe('batch');
  expect(missing(cell, moved.jobId), `of ${moved.jobId} too much is away`).toBeLessThanOrEqual(1);
}

/** A flex task, and of a service no more than one at a time. */
function checkVictim(cell: TestCell, victim: TaskRecord): void {
  const { descriptor } = must(cell.find('job', victim.jobId)).record;
  expect(descriptor?.labels['berth.tier'] ?? 'flex').toBe('flex');
  if (descriptor !== undefined && jobKind(descriptor) !== 'batch')
    expect(missing(cell, victim.jobId), `of ${victim.jobId} too much is away`).toBeLessThanOrEqual(1);
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
