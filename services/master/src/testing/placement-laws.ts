import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { jobKind } from '@berth/shared/model/job/job';
import { isTaskLive, State, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';
import { expect } from 'vitest';
import { taskIdIn } from '../core/task-changes.js';
import { limits, must } from './fixtures.js';
import type { TestCell } from './test-cell.js';

const stopMs = limits.killGraceMs + limits.stopConfirmMs;

/** What holds whenever a task is placed, or stopped for the system's own sake; written from what is promised to users. */
export function checkPlacement(
  cell: TestCell,
  before: TaskRecord | undefined,
  after: TaskRecord | undefined,
): void {
  if (after === undefined) return;
  if (after.agentId !== '' && (before?.agentId ?? '') === '') {
    checkAgent(cell, after);
    checkHandOver(cell, after);
  }
  const isNewOrder = after.stop !== undefined && before?.stop === undefined;
  if (isNewOrder && after.stop?.code === 'moved') checkMove(cell, after);
}

/** Not on a draining agent, and not where a task of the job has been refused within the last minute. */
function checkAgent(cell: TestCell, placed: TaskRecord): void {
  const { agentId, jobId } = placed;
  expect(cell.find('agentDrain', agentId), `${taskIdIn(placed)} comes to the draining ${agentId}`).toBe(
    undefined,
  );
  const placedMs = placedAtMs(placed);
  const refusals = cell
    .tasksOf(jobId)
    .filter(({ record }) => record.agentId === agentId && taskReasonCode(record) === 'refused')
    .map(({ record }) => record.finishedAtMs);
  for (const atMs of refusals)
    expect(placedMs - atMs, `${taskIdIn(placed)} comes to ${agentId}, which refused its job`).toBeGreaterThan(
      60_000,
    );
}

/**
 * Only a critical task waits for others. It waits for all that stop there when it is placed, and they have their time to do
 * so before it counts as stuck.
 */
function checkHandOver(cell: TestCell, placed: TaskRecord): void {
  const { agentId, awaitedTaskIds } = placed;
  if (awaitedTaskIds.length === 0) return;
  const { descriptor } = must(cell.find('job', placed.jobId)).record;
  expect(descriptor?.labels['berth.tier'], `the tier of ${taskIdIn(placed)}, which waits`).toBe('critical');
  for (const id of awaitedTaskIds) {
    const awaited = must(cell.find('task', id)).record;
    expect([awaited.agentId, isTaskLive(awaited)], `who leaves room to ${taskIdIn(placed)}`).toEqual([
      agentId,
      true,
    ]);
    const hasTimeUntilMs = awaited.stop === undefined ? placedAtMs(placed) + stopMs : awaited.deadlineAtMs;
    expect(placed.deadlineAtMs, `the time of ${taskIdIn(placed)}`).toBeGreaterThan(hasTimeUntilMs);
    const others = leavingTo(cell, awaited).filter((other) => placedAtMs(other) < placedAtMs(placed));
    if (awaited.stop === undefined && others.length === 0) checkVictim(cell, awaited);
  }
  const stopping = [...cell.all('task')]
    .map(({ record }) => record)
    .filter((task) => task.agentId === agentId && isTaskLive(task) && task.stop !== undefined);
  for (const id of stopping.map(taskIdIn))
    expect(awaitedTaskIds, `whom ${taskIdIn(placed)} waits for`).toContain(id);
}

/** The tasks that get the room of this one. */
function leavingTo(cell: TestCell, task: TaskRecord): readonly TaskRecord[] {
  return [...cell.all('task')]
    .map(({ record }) => record)
    .filter(({ awaitedTaskIds }) => awaitedTaskIds.includes(taskIdIn(task)));
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
  expect(descriptor && jobKind(descriptor), `${taskIdIn(moved)} is of a batch job`).not.toBe('batch');
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
    const goesOn = tasks.some(
      (task) =>
        taskState(task) === State.RUNNING && task.stop === undefined && leavingTo(cell, task).length === 0,
    );
    const isWanted = tasks.some(
      (task) =>
        (isTaskLive(task) || !task.replaced) &&
        task.stop?.code !== 'scaledDown' &&
        taskReasonCode(task) !== 'scaledDown',
    );
    return isWanted && !goesOn;
  }).length;
}
