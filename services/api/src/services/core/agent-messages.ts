import type { Avoidance } from '@berth/scheduler';
import type { Agent, AgentTask } from '@berth/shared/gen/berth/v1/agent_service';
import {
  Agent as AgentMessage,
  AgentTask as AgentTaskMessage,
} from '@berth/shared/gen/berth/v1/agent_service';
import type { AgentRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { addResources, subtractResources, zeroResources } from '@berth/shared/model/resources/vector';

/** The facts about an agent that a ledger counts. */
interface CountedAgent {
  readonly tasks: readonly TaskRecord[];
  readonly avoidance: Avoidance | undefined;
}

/** Returns the public message of one agent. */
export function agentMessage(agent: AgentRecord, { tasks, avoidance }: CountedAgent, cell: CellView): Agent {
  const { id, attributes, capacity = zeroResources(), ...rest } = agent;
  const status = cell.find('agentStatus', id)?.record;
  const drain = cell.find('agentDrain', id)?.record;
  const held = tasks.reduce(
    (sum, task) => addResources(sum, task.resources ?? zeroResources()),
    zeroResources(),
  );
  return AgentMessage.fromPartial({
    id,
    attributes,
    capacity,
    free: subtractResources(capacity, held),
    tasks: tasks.length,
    registeredAtMs: rest.registeredAtMs,
    runtime: rest.runtime,
    version: rest.version,
    grpcAddress: rest.grpcAddress,
    ...(avoidance && {
      avoidance: {
        failures: avoidance.failures,
        lastFailedAtMs: avoidance.lastFailedAtMs,
        lastFailure: avoidance.lastFailure,
        untilMs: avoidance.untilMs,
      },
    }),
    ...(status && { state: status.state, stateSinceMs: status.sinceMs }),
    ...(drain && {
      drain: {
        sinceMs: drain.wish?.atMs ?? 0,
        by: drain.wish?.by ?? '',
        deadlineAtMs: drain.deadlineAtMs,
      },
    }),
  });
}

export function agentTaskMessage({ task, jobId, resources, stop }: TaskRecord): AgentTask {
  return AgentTaskMessage.fromPartial({
    taskId: task?.id ?? '',
    jobId,
    ...(task?.state && { state: task.state }),
    ...(resources && { resources }),
    stopping: stop !== undefined,
  });
}
