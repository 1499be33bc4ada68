import type {
  Explanation,
  PlacementReason,
  PlannedTask,
  PlanResponse,
} from '@berth/shared/gen/berth/v1/placement_service';
import type { Colorize } from '../../terminal/colors.js';
import { oneLine, renderTable } from '../../terminal/table.js';

/** Returns the explanation of one task with its remedies. */
export function explanationLines(explanation: Explanation, colorize: Colorize): readonly string[] {
  const { taskId, state, agentId, agents } = explanation;
  if (state !== 'QUEUED')
    return [`${taskId} is ${state}${agentId === '' ? '' : ` on ${agentId}`}; it does not wait.`];
  if (agentId !== '') return [`${taskId} is about to be placed on ${agentId}.`];
  if (agents === 0) return [`${taskId} waits: there is no live agent.`];
  return [
    `${taskId} waits: none of ${agents} agents can take it now.`,
    '',
    ...detailLines(explanation, colorize),
  ];
}

function detailLines({ reasons, remedies }: Explanation, colorize: Colorize): readonly string[] {
  const rows = reasons.map(({ reason, agents, samples }) => [
    reason,
    String(agents),
    sampleText(samples, agents),
  ]);
  const details = reasons
    .filter(({ detail }) => detail !== '')
    .map(({ reason, detail }) => `  ${reason}: ${oneLine(detail)}`);
  const helps = remedies.map(({ text }) => `  ${text}`);
  return [
    ...renderTable(['WHAT STOPS IT', 'AGENTS', 'SUCH AS'], rows, colorize),
    ...(details.length > 0 ? ['', ...details] : []),
    '',
    ...(helps.length > 0
      ? ['Any one of these would place it:', ...helps]
      : ['No single change would place it.']),
  ];
}

/** Returns the agents that the tasks would go to, and the reasons of the tasks that would wait. */
export function planLines(plan: PlanResponse, colorize: Colorize): readonly string[] {
  const { tasks, placed, waiting, lostAgentIds } = plan;
  const lost = lostAgentIds.length === 0 ? [] : [`Without ${sampleText(lostAgentIds, lostAgentIds.length)}:`];
  const rows = [...countByAgent(tasks)].map(([agent, count]) => [agent, String(count)]);
  return [
    ...lost,
    ...(rows.length > 0 ? renderTable(['AGENT', 'TASKS'], rows, colorize) : []),
    `${placed} would be placed, ${waiting} would wait.`,
    ...tasks.flatMap((task) => waitLines(task, colorize)),
  ];
}

function countByAgent(tasks: readonly PlannedTask[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { agentId } of tasks) if (agentId !== '') counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
  return counts;
}

function waitLines({ explanation }: PlannedTask, colorize: Colorize): readonly string[] {
  return explanation === undefined ? [] : ['', ...explanationLines(explanation, colorize)];
}

function sampleText(samples: PlacementReason['samples'], count: number): string {
  const shown = samples.slice(0, 5);
  return `${shown.join(', ')}${count > shown.length ? ', …' : ''}`;
}
