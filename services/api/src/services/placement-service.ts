/**
 * berth.v1.PlacementService: explains and plans placements. It uses the placement functions of the masters.
 */

import {
  type ExplainOptions,
  explain,
  loseAgents,
  newTasks,
  planTasks,
  type QueuedTask,
  recentFailureMs,
  refusalMs,
  specOf,
  specWithExpression,
} from '@berth/scheduler';
import {
  type CheckExpressionRequest,
  CheckExpressionResponse,
  PlacementServiceService as definition,
  type ExplainRequest,
  type Explanation,
  type PlacementServiceServer,
  PlannedTask,
  type PlanRequest,
  PlanResponse,
  type WatchExplainRequest,
  type WatchExplainResponse,
} from '@berth/shared/gen/berth/v1/placement_service';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError, invalidFields, notFound } from '@berth/shared/model/errors/errors';
import { checkExpression } from '@berth/shared/model/expression/check';
import { parseExpression } from '@berth/shared/model/expression/parse';
import { containerOf, instancesOf } from '@berth/shared/model/job/job';
import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';
import { stagesOf } from '@berth/shared/model/job/stages';
import { parseResources } from '@berth/shared/model/resources/resources';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { State, taskState } from '@berth/shared/model/task/task-state';
import { type CallContext, type CallOptions, serverStream, unary } from '@berth/shared/rpc/calls/handlers';
import { withUnimplemented } from '@berth/shared/rpc/calls/unimplemented';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import { validJob } from '../commands/submit-job.js';
import type { Cell } from '../gateway/cell.js';
import { maxAnswerBytes } from '../gateway/core/limits.js';
import { idViolations, refuseIf } from '../gateway/request-checks.js';
import { countFitting, omittedTasksKey } from '../queries/core/answer-size.js';
import type { LiveLedger } from '../queries/live-ledger.js';
import { explanationMessage, notWaiting, planMessage, toQueued } from './core/placement-messages.js';

/** A watched explanation is computed again at most this often. */
const watchEveryMs = 500;

/** The most agents that CheckExpression names. */
const maxNamedAgents = 20;

/** The dependencies of the service. */
interface PlacementServiceDeps {
  readonly cell: Cell;
  readonly ledger: LiveLedger;
  /** A watched explanation is followed by an empty message after so long without a change. 0: never. */
  readonly longestSilenceMs: number;
  /** The fit policy of the cell's masters. */
  readonly fitPolicy: FitPolicy;
}

/** Returns the options of the masters' placement at this time. */
function placeOptions({ cell, fitPolicy }: PlacementServiceDeps): ExplainOptions {
  const nowMs = cell.clock.nowMs();
  return {
    policy: fitPolicy,
    failuresSinceMs: nowMs - recentFailureMs,
    refusalsSinceMs: nowMs - refusalMs,
  };
}

export function placementService(deps: PlacementServiceDeps, options: CallOptions): GrpcService {
  const call = <Req, Res>(
    fn: (deps: PlacementServiceDeps, request: Req, call: CallContext) => Promise<Res>,
  ) => unary<Req, Res>((request, context) => fn(deps, request, context), options);
  const implementation = withUnimplemented<PlacementServiceServer>(
    definition,
    {
      checkExpression: call(checkOne),
      explain: call(async (each, { taskId }: ExplainRequest, context) => ({
        explanation: await explainTask(each, taskId, context),
      })),
      watchExplain: serverStream<WatchExplainRequest, WatchExplainResponse>(
        (request, context, stream) =>
          watchExplain(deps, { request, call: context }, (message) => stream.write(message)),
        options,
      ),
      plan: call(plan),
    },
    options,
  );
  return { definition, implementation };
}

async function checkOne(
  { cell, ledger }: PlacementServiceDeps,
  { expression }: CheckExpressionRequest,
  call: CallContext,
): Promise<CheckExpressionResponse> {
  await cell.read(call);
  const { index } = ledger;
  const parsed = parseExpression(expression);
  const errors = parsed.ok ? checkExpression(parsed.ast, cell.knownAttributes()) : [parsed.error];
  if (errors.length > 0)
    return CheckExpressionResponse.fromPartial({ errors: [...errors], agents: index.size });
  const spec = specWithExpression(expression);
  const request = index.equivalenceClassOf({ jobId: '', resources: zeroResources(), spec });
  const agentIds: string[] = [];
  let matches = 0;
  for (const agent of index.agents()) {
    const isHindered = request.obstaclesOn(agent).some(({ cause }) => cause.kind !== 'resource');
    if (isHindered) continue;
    matches += 1;
    if (agentIds.length < maxNamedAgents) agentIds.push(agent.id);
  }
  return { errors: [], agents: index.size, matches, agentIds };
}

async function explainTask(
  deps: PlacementServiceDeps,
  taskId: string,
  call: CallContext,
): Promise<Explanation> {
  const { cell, ledger } = deps;
  refuseIf(idViolations('task_id', taskId));
  const task = (await cell.findTask(call, taskId))?.record;
  if (task === undefined) throw notFound('task', taskId);
  const { index } = ledger;
  if (taskState(task) !== State.QUEUED) return notWaiting(task, index.size);
  return explanationMessage(taskId, explain(toQueued(task, cell.replica), index, placeOptions(deps)));
}

interface ExplainWatch {
  readonly request: WatchExplainRequest;
  readonly call: CallContext;
}

/**
 * Writes the explanation, and each one that differs from the last, until the task no longer waits. An empty
 * message breaks a long silence.
 */
async function watchExplain(
  deps: PlacementServiceDeps,
  { request, call }: ExplainWatch,
  write: (message: WatchExplainResponse) => void,
): Promise<void> {
  const { clock, replica } = deps.cell;
  let sent = '';
  let sentAtMs = clock.nowMs();
  let revision = -1;
  while (!call.signal.aborted) {
    if (replica.revision !== revision) {
      revision = replica.revision;
      const explanation = await explainTask(deps, request.taskId, call);
      const text = JSON.stringify(explanation);
      if (text !== sent) {
        write({ explanation });
        sentAtMs = clock.nowMs();
      }
      sent = text;
      if (explanation.state !== 'QUEUED') return;
    }
    if (deps.longestSilenceMs > 0 && clock.nowMs() - sentAtMs >= deps.longestSilenceMs - watchEveryMs) {
      write({ explanation: undefined });
      sentAtMs = clock.nowMs();
    }
    await clock.sleep(watchEveryMs, call.signal);
  }
}

/** Returns the plan. If one answer does not hold all of its tasks, a trailer has the number of the others. */
async function plan(
  deps: PlacementServiceDeps,
  request: PlanRequest,
  call: CallContext,
): Promise<PlanResponse> {
  const whole = await wholePlan(deps, request, call);
  const restBytes = maxAnswerBytes - PlanResponse.encode({ ...whole, tasks: [] }).finish().length;
  const bytesOf = (task: PlannedTask) => PlannedTask.encode(task).finish().length;
  const kept = countFitting(whole.tasks, bytesOf, restBytes);
  if (kept === whole.tasks.length) return whole;
  call.setTrailer(omittedTasksKey, String(whole.tasks.length - kept));
  return { ...whole, tasks: whole.tasks.slice(0, kept) };
}

async function wholePlan(
  deps: PlacementServiceDeps,
  { what }: PlanRequest,
  call: CallContext,
): Promise<PlanResponse> {
  const { cell, ledger } = deps;
  const view = await cell.read(call);
  switch (what?.$case) {
    case 'job': {
      const { descriptor } = validJob(cell, view, what.value, call);
      return planMessage(planTasks(tasksOfNewJob(descriptor), ledger.index, placeOptions(deps)), []);
    }
    case 'drainAgentId': {
      if (ledger.index.find(what.value) === undefined) throw notFound('agent', what.value);
      return planLoss(deps, [what.value]);
    }
    case 'lose': {
      const { name, value } = what.value;
      const lost = [...ledger.index.agents()].filter(({ attributes }) => attributes[name] === value);
      if (lost.length === 0) {
        throw new BerthError('notFound', `There is no live agent with ${name}=${JSON.stringify(value)}.`);
      }
      return planLoss(
        deps,
        lost.map(({ id }) => id),
      );
    }
    default:
      throw invalidFields([
        { field: 'what', description: 'is required: a job, an agent to drain, or agents to lose' },
      ]);
  }
}

/** Returns the first tasks of the job, stage by stage. */
function tasksOfNewJob(descriptor: JobDescriptor): readonly QueuedTask[] {
  return stagesOf(descriptor).flatMap((stage) => {
    const parsed = parseResources(containerOf(descriptor, stage)?.resources ?? {});
    const resources = 'resources' in parsed ? parsed.resources : zeroResources();
    const request = { jobId: 'new', resources, spec: specOf(descriptor, stage) };
    return newTasks(request, instancesOf(descriptor, stage).desired, stage);
  });
}

/** Plans other agents for the tasks of these agents. */
function planLoss(deps: PlacementServiceDeps, agentIds: readonly string[]): PlanResponse {
  const { cell, ledger } = deps;
  const index = ledger.copy();
  const tasks = loseAgents(index, agentIds).flatMap(({ taskId }) => {
    const task = cell.replica.find('task', taskId)?.record;
    return task === undefined ? [] : [toQueued(task, cell.replica)];
  });
  return planMessage(planTasks(tasks, index, placeOptions(deps)), agentIds);
}
