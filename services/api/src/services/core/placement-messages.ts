import type { Explanation, PlannedTask, QueuedTask, Remedy } from '@berth/scheduler';
import { anywhere, remedyText, specOfJob } from '@berth/scheduler';
import {
  Explanation as ExplanationMessage,
  PlannedTask as PlannedTaskMessage,
  type PlanResponse,
  type Remedy as RemedyMessage,
} from '@berth/shared/gen/berth/v1/placement_service';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { stateName, taskState } from '@berth/shared/model/task/task-state';

/** Returns the stored task as a queued one. */
export function toQueued(task: TaskRecord, cell: CellView): QueuedTask {
  const job = cell.find('job', task.jobId)?.record;
  return {
    taskId: taskIdOf(task),
    jobId: task.jobId,
    resources: task.resources ?? zeroResources(),
    spec: job === undefined ? anywhere : specOfJob(job, task.stage),
  };
}

/** Returns the explanation of a task that does not wait. */
export function notWaiting(task: TaskRecord, agents: number): ExplanationMessage {
  const state = stateName(taskState(task));
  return ExplanationMessage.fromPartial({
    taskId: taskIdOf(task),
    state,
    agents,
    agentId: task.agentId,
  });
}

export function explanationMessage(taskId: string, explanation: Explanation): ExplanationMessage {
  const { agents, agentId = '', reasons, remedies } = explanation;
  return ExplanationMessage.fromPartial({
    taskId,
    state: 'QUEUED',
    agents,
    agentId,
    reasons: reasons.map(({ reason, takenBy, samples, ...rest }) => ({
      ...rest,
      reason: takenBy === undefined ? reason : `${reason} by ${takenBy}`,
      samples: [...samples],
    })),
    remedies: remedies.map(remedyMessage),
  });
}

export function planMessage(planned: readonly PlannedTask[], lostAgentIds: readonly string[]): PlanResponse {
  const placed = planned.filter(({ agentId }) => agentId !== undefined).length;
  const waiting = planned.length - placed;
  return { tasks: planned.map(plannedMessage), placed, waiting, lostAgentIds: [...lostAgentIds] };
}

function plannedMessage({ task, agentId = '', gpus, explanation }: PlannedTask): PlannedTaskMessage {
  const { taskId, resources } = task;
  return PlannedTaskMessage.fromPartial({
    taskId,
    agentId,
    cards: [...gpus],
    resources,
    ...(explanation && { explanation: explanationMessage(taskId, explanation) }),
  });
}

function remedyMessage(remedy: Remedy): RemedyMessage {
  const { agents } = remedy;
  const text = remedyText(remedy);
  switch (remedy.kind) {
    case 'less': {
      const { resource, amount } = remedy;
      return { change: { $case: 'less', value: { resource, amount } }, agents, text };
    }
    case 'without':
      return { change: { $case: 'without', value: remedy.constraint }, agents, text };
    case 'ends': {
      const { taskIds, tasks } = remedy;
      return { change: { $case: 'ends', value: { taskIds: [...taskIds], tasks } }, agents, text };
    }
  }
}
