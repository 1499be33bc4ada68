import type { Stop, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { JobKind } from '@berth/shared/model/job/job';
import { jobKind } from '@berth/shared/model/job/job';
import { noStage, stagesOf } from '@berth/shared/model/job/stages';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import { batchSteps } from '../slots/batch.js';
import { heldStages } from '../slots/held-stages.js';
import { type ImageHold, imageHold } from '../slots/image-hold.js';
import { serviceSteps } from '../slots/service.js';
import type { SlotInput, SlotStep } from '../slots/slots.js';
import { byStage, workerNumbers } from '../slots/stage-tasks.js';
import { advanceTask } from './advance-task.js';
import { stopOfJob } from './job-end.js';
import type { JobInCell } from './job-in-cell.js';
import { movesOf } from './moves.js';
import type { ReconcileContext } from './reconcile-context.js';
import { setBackTask } from './set-back.js';

/** The changes that a rule makes. */
interface RuleChanges {
  /** Each step is written as a whole; steps beyond the limit of writes are left to the next pass. */
  readonly steps: Iterable<SlotStep>;
  /** The time of the next pass without a change; Infinity: never. */
  readonly nextDueMs: number;
}

/** A rule of reconciliation. It is pure. Once its changes are carried out, it makes no more. */
interface Rule {
  readonly name: string;
  /** The reason for the rule, and for its place in the order. */
  readonly why: string;
  /** Decides on the tasks as the rules before it leave them. */
  readonly decide: (job: JobInCell, context: ReconcileContext, tasks: readonly TaskRecord[]) => RuleChanges;
}

/** The rules for the tasks of a live job, in their order. */
export const rules: readonly Rule[] = [
  {
    name: 'set back times of a clock that ran ahead',
    why: 'Deadlines, delays and retention count from the times of a leader before this one.',
    decide: setBackTasks,
  },
  {
    name: 'advance single tasks',
    why: 'Orders to stop, lost agents and deadlines end tasks, and only then is it known which slots are empty.',
    decide: advanceTasks,
  },
  {
    name: 'fill the slots of a batch job',
    why: 'Each index below the desired number needs a task until it is done or its retries are spent.',
    decide: (job, context, tasks) =>
      forKind('batch', job, context, (descriptor) => {
        const hold = imageHold(job.job, tasks, context.nowMs);
        const input = withBudget(slotInput(job, context, { descriptor, tasks }), hold);
        return { steps: batchSteps(input), nextDueMs: hold.untilMs };
      }),
  },
  {
    name: 'fill the slots of a service',
    why: 'A service keeps its desired number of tasks: it grows, shrinks, and replaces ended tasks.',
    decide: (job, context, tasks) =>
      forKind('service', job, context, (descriptor) => {
        const hold = imageHold(job.job, tasks, context.nowMs);
        const input = withBudget(slotInput(job, context, { descriptor, tasks }), hold);
        return { steps: serviceSteps(input), nextDueMs: hold.untilMs };
      }),
  },
  {
    name: 'hold stages, and fill the slots of the others',
    why: 'A stage needs the stage before it to run; it is held for a bounded time, then kept as a service is.',
    decide: (job, context, tasks) =>
      forKind('mantis', job, context, (descriptor) =>
        fillStages(slotInput(job, context, { descriptor, tasks }), imageHold(job.job, tasks, context.nowMs)),
      ),
  },
  {
    name: 'move tasks off draining agents',
    why: 'It comes last, because it may take from a job only as many tasks as the rules before have left running.',
    decide: moveTasks,
  },
];

const never = Number.POSITIVE_INFINITY;
const nothing: RuleChanges = { steps: [], nextDueMs: never };

function setBackTasks(_: JobInCell, { nowMs }: ReconcileContext, tasks: readonly TaskRecord[]): RuleChanges {
  const steps: SlotStep[] = [];
  for (const task of tasks) {
    const changed = setBackTask(task, nowMs);
    if (changed !== task) steps.push({ changed });
  }
  return { steps, nextDueMs: never };
}

function advanceTasks(job: JobInCell, context: ReconcileContext, tasks: readonly TaskRecord[]): RuleChanges {
  return { steps: advanceSteps(job, context, tasks), nextDueMs: never };
}

function* advanceSteps(
  job: JobInCell,
  context: ReconcileContext,
  tasks: readonly TaskRecord[],
): Iterable<SlotStep> {
  const jobStop = stopOfJob(job.job, context.nowMs);
  for (const task of tasks) {
    if (!isTaskLive(task)) continue;
    const stopFor = jobStop ?? stopOfTask(job, task, context);
    const changed = advanceTask(task, context, {
      job: job.job,
      agentLost: job.isAgentLost(task.agentId),
      stopFor,
    });
    if (changed !== task) yield { changed };
  }
}

/**
 * Returns the order to stop that one task needs, if it needs one. A placement orders its victims to stop in
 * its own commit. Only masters of earlier versions left that order out of the victims' records; it is added
 * here.
 */
function stopOfTask(
  job: JobInCell,
  task: TaskRecord,
  { isAwaited }: ReconcileContext,
): Pick<Stop, 'code'> | undefined {
  if (job.hasStopRequest(taskIdOf(task))) return { code: 'killed' };
  return isAwaited?.(task) === true ? { code: 'preempted' } : undefined;
}

/** Returns no changes for jobs of other kinds, and for a job that ends as a whole: it needs no new tasks. */
function forKind(
  kind: JobKind,
  { job }: JobInCell,
  { nowMs }: ReconcileContext,
  decide: (descriptor: JobDescriptor) => RuleChanges,
): RuleChanges {
  const { descriptor } = job;
  if (descriptor === undefined || jobKind(descriptor) !== kind) return nothing;
  return stopOfJob(job, nowMs) === undefined ? decide(descriptor) : nothing;
}

function slotInput(
  { job, status, hasStopRequest, isCommitted }: JobInCell,
  { nowMs, limits }: ReconcileContext,
  { descriptor, tasks }: Pick<SlotInput, 'descriptor' | 'tasks'>,
): SlotInput {
  return { job, descriptor, status, stage: noStage, tasks, hasStopRequest, isCommitted, nowMs, limits };
}

/** A stage waits if the digest of its image is not known. */
function withBudget(input: SlotInput, { budgets }: ImageHold): SlotInput {
  const imageBudget = budgets.get(input.stage);
  return imageBudget === undefined ? input : { ...input, imageBudget };
}

function fillStages(input: SlotInput, hold: ImageHold): RuleChanges {
  const held = heldStages(input);
  return { steps: stagesSteps(input, held, hold), nextDueMs: Math.min(...held.values(), hold.untilMs) };
}

/** Each stage is a service of its own; the worker numbers of their tasks are counted over the whole job. */
function* stagesSteps(
  input: SlotInput,
  held: ReadonlyMap<number, number>,
  hold: ImageHold,
): Iterable<SlotStep> {
  const { descriptor, status, tasks } = input;
  const tasksOf = byStage(tasks);
  const nextWorkerNumber = workerNumbers(status, tasks);
  for (const stage of stagesOf(descriptor)) {
    if (held.has(stage)) continue;
    const ofStage = { ...input, stage, tasks: tasksOf.get(stage) ?? [], nextWorkerNumber };
    yield* serviceSteps(withBudget(ofStage, hold));
  }
}

function moveTasks(
  { job, drainOf }: JobInCell,
  { nowMs, limits, findCapacity = () => true }: ReconcileContext,
  tasks: readonly TaskRecord[],
): RuleChanges {
  if (drainOf === undefined) return nothing;
  const { stopped, nextDueMs } = movesOf({ job, tasks, drainOf, findCapacity, nowMs, limits });
  return { steps: stopped.map((changed) => ({ changed })), nextDueMs };
}
