import type { AgentRecord, Assignment, JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { containerOf } from '@berth/shared/model/job/job';
import { isInstance } from '@berth/shared/model/job/registered-kind';
import { formatGpus, gpusKey } from '@berth/shared/model/resources/gpus';
import { isSampled } from '@berth/shared/model/scaling/scaled-job';
import { formatReason } from '@berth/shared/model/task/reason';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, moveTask, State } from '@berth/shared/model/task/task-state';
import type { Limits } from '../task/limits.js';

/** The agent attributes that every task's context tells, and under which names. */
const contextAttributes = [
  ['region', 'agent.region'],
  ['zone', 'agent.zone'],
  ['host', 'agent.host'],
  ['instance', 'agent.instance'],
] as const;

/** The task, placed on the agent: DISPATCHED, with the agent's whereabouts in its context. */
export function assignTask(task: TaskRecord, agent: AgentRecord, nowMs: number, limits: Limits): TaskRecord {
  const context: Record<string, string> = { 'agent.id': agent.id };
  for (const [attribute, key] of contextAttributes) {
    const value = agent.attributes[attribute] ?? '';
    if (value !== '') context[key] = value;
  }
  const moved = moveTask(task, { to: State.DISPATCHED, code: '', atMs: nowMs, context });
  if (moved === undefined) return task;
  return { ...moved, agentId: agent.id, deadlineAtMs: nowMs + limits.stuckDispatchedMs };
}

/** The placed task, with the gpus it was given in its context. */
export function withGpus(task: TaskRecord, gpus: readonly number[]): TaskRecord {
  if (gpus.length === 0 || task.task === undefined) return task;
  const taskContext = { ...task.task.taskContext, [gpusKey]: formatGpus(gpus) };
  return { ...task, task: { ...task.task, taskContext } };
}

/**
 * The placed task, as one that gets the room of tasks on its agent that have been told to stop. Its time to begin counts
 * from when the last of them is over at the latest.
 */
export function awaitingRoomOf(task: TaskRecord, stopping: readonly TaskRecord[], nowMs: number): TaskRecord {
  const { deadlineAtMs, task: placed } = task;
  if (stopping.length === 0 || placed?.state === undefined) return task;
  const overMs = Math.max(...stopping.map((each) => each.deadlineAtMs));
  const ids = stopping.map((each) => taskIdOf(each));
  const reason = formatReason('waiting', `it starts once ${named(ids)} ended`);
  return {
    ...task,
    awaitedTaskIds: ids,
    deadlineAtMs: deadlineAtMs + Math.max(0, overMs - nowMs),
    task: { ...placed, state: { ...placed.state, reason } },
  };
}

function named([first = '', ...others]: readonly string[]): string {
  const count = others.length;
  return count === 0 ? `${first} has` : `${first} and ${count} other${count === 1 ? '' : 's'} have`;
}

/**
 * What the task's agent has to be told now that the task is `after`: an assignment, its withdrawal (`null`), or
 * nothing (undefined).
 */
export function assignmentFor(
  before: TaskRecord | undefined,
  after: TaskRecord,
  job: JobRecord | undefined,
  limits: Limits,
): Assignment | null | undefined {
  if (after.agentId === '') return undefined;
  if (!isTaskLive(after)) return before === undefined || isTaskLive(before) ? null : undefined;
  const isNews = before === undefined || before.agentId !== after.agentId || before.stop !== after.stop;
  return isNews && job !== undefined ? toAssignment(after, job, limits) : undefined;
}

/** What of the context agents look at: the rest would cost each of them room for as long as the task lives. */
const agentKeys = ['task.index', gpusKey] as const;

function agentContext({ task }: TaskRecord): Assignment['taskContext'] {
  const context: Assignment['taskContext'] = {};
  for (const key of agentKeys) {
    const value = task?.taskContext[key];
    if (value !== undefined) context[key] = value;
  }
  return context;
}

function toAssignment(task: TaskRecord, job: JobRecord, limits: Limits): Assignment {
  return {
    taskId: taskIdOf(task),
    jobId: task.jobId,
    container: job.descriptor && containerOf(job.descriptor, task.stage),
    resources: task.resources,
    taskContext: agentContext(task),
    stop: task.stop,
    killGraceMs: limits.killGraceMs,
    sampled: job.descriptor !== undefined && isSampled(job.descriptor, task.stage),
    collectsResults: isInstance(job),
    awaitedTaskIds: task.awaitedTaskIds,
  };
}
