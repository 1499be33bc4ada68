import type { Agent, AgentAvoidance, GetAgentResponse } from '@berth/shared/gen/berth/v1/agent_service';
import { AgentState, type Resources } from '@berth/shared/gen/berth/v1/store';
import { formatAge, formatSpan } from '../../terminal/age.js';
import type { Colorize } from '../../terminal/colors.js';
import { stateCell } from '../../terminal/state.js';
import { alignRows, oneLine, renderTable, type TableCell } from '../../terminal/table.js';

export const agentHeadings = [
  'AGENT',
  'STATE',
  'ZONE',
  'TYPE',
  'TASKS',
  'CPU FREE',
  'MEMORY FREE',
  'GPU FREE',
  'AGE',
];

/** Returns the row of an agent. */
export function agentRow(agent: Agent, nowMs: number): readonly TableCell[] {
  const { id, attributes, tasks, registeredAtMs } = agent;
  return [
    id,
    agentState(agent),
    attributes.zone ?? '-',
    attributes.machineType ?? '-',
    String(tasks),
    ofTotal(agent, 'cpuMillis', 1000),
    `${ofTotal(agent, 'memoryMb')} MB`,
    agent.capacity?.gpuMillis ? ofTotal(agent, 'gpuMillis', 1000) : '-',
    formatAge(nowMs - registeredAtMs),
  ];
}

interface AgentTable {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly TableCell[])[];
}

/**
 * Returns the list of agents. It has a column of hosts only if an agent has another name than its host, and a
 * column of failed launches only if there are such.
 */
export function agentTable(agents: readonly Agent[], nowMs: number): AgentTable {
  const rows = agents.map((agent) => agentRow(agent, nowMs));
  return withHosts(withLaunches({ headings: agentHeadings, rows }, agents, nowMs), agents);
}

function withHosts({ headings, rows }: AgentTable, agents: readonly Agent[]): AgentTable {
  const hosts = agents.map(({ attributes }) => attributes.host ?? '-');
  if (agents.every(({ id }, at) => hosts[at] === '-' || hosts[at] === id)) return { headings, rows };
  const [first = '', ...others] = headings;
  return {
    headings: [first, 'HOST', ...others],
    rows: rows.map(([id = '', ...rest], at) => [id, hosts[at] ?? '-', ...rest]),
  };
}

function withLaunches({ headings, rows }: AgentTable, agents: readonly Agent[], nowMs: number): AgentTable {
  if (agents.every(({ avoidance }) => avoidance === undefined)) return { headings, rows };
  const texts = agents.map(({ avoidance }) => (avoidance === undefined ? '-' : launchText(avoidance, nowMs)));
  return {
    headings: [...headings, 'LAUNCHES'],
    rows: rows.map((row, at) => [...row, texts[at] ?? '-']),
  };
}

/** Describes the failed launches of an agent: `3 failed, last 12s ago: …; next try in 1m48s`. */
function launchText(avoidance: AgentAvoidance, nowMs: number): string {
  const { failures, lastFailedAtMs, lastFailure, untilMs } = avoidance;
  const ago = formatAge(Math.max(0, nowMs - lastFailedAtMs));
  const next = untilMs <= nowMs ? 'now' : `in ${formatSpan(untilMs - nowMs)}`;
  return `${failures} failed, last ${ago} ago: ${oneLine(lastFailure)}; next try ${next}`;
}

/** Returns the state of an agent: ready for tasks, or the reason if not. */
export function agentState({
  state,
  drain,
  avoidance,
}: Pick<Agent, 'state' | 'drain'> & Partial<Pick<Agent, 'avoidance'>>): TableCell {
  if (state === AgentState.LOST)
    return { text: drain === undefined ? 'lost' : 'lost, draining', style: 'red' };
  if (state !== AgentState.ALIVE) return { text: 'new', style: 'yellow' };
  if (drain !== undefined) return { text: 'draining', style: 'yellow' };
  return avoidance === undefined ? { text: 'alive', style: 'green' } : { text: 'avoided', style: 'yellow' };
}

const amounts: readonly (readonly [keyof Resources, string, number])[] = [
  ['cpuMillis', 'cpu', 1000],
  ['memoryMb', 'memory MB', 1],
  ['diskMb', 'disk MB', 1],
  ['networkMbps', 'network Mbps', 1],
  ['gpuMillis', 'gpu', 1000],
  ['ports', 'ports', 1],
  ['eni', 'eni', 1],
];

/** Returns everything about an agent, with its tasks. */
export function agentDetail(
  { agent, tasks }: GetAgentResponse,
  nowMs: number,
  colorize: Colorize,
): readonly string[] {
  if (agent === undefined) return [];
  const rows = tasks.map(({ taskId, state, stopping }) => [
    taskId,
    stopping ? { text: 'STOPPING', style: 'dim' as const } : stateCell(state?.state),
    state?.reason ?? '',
  ]);
  return [
    ...alignRows([...facts(agent, nowMs)], colorize),
    '',
    ...renderTable(
      ['RESOURCE', 'FREE', 'OF'],
      amounts.map(([kind, name, unit]) => [
        name,
        String((agent.free?.[kind] ?? 0) / unit),
        String((agent.capacity?.[kind] ?? 0) / unit),
      ]),
      colorize,
    ),
    '',
    ...(rows.length === 0 ? ['No tasks.'] : renderTable(['TASK', 'STATE', 'REASON'], rows, colorize)),
  ];
}

function* facts(agent: Agent, nowMs: number): Iterable<readonly TableCell[]> {
  const { id, attributes, drain } = agent;
  yield ['agent', id];
  yield ['state', agentState(agent)];
  if (drain !== undefined) {
    yield ['drained', `for ${formatAge(nowMs - drain.sinceMs)}, by ${drain.by}`];
    if (drain.deadlineAtMs > 0) yield ['deadline', new Date(drain.deadlineAtMs).toISOString()];
  }
  if (agent.avoidance !== undefined) yield ['launches', launchText(agent.avoidance, nowMs)];
  yield ['engine', agent.runtime];
  yield ['version', agent.version];
  yield ['address', agent.grpcAddress];
  for (const [name, value] of Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))
    yield [name, value];
}

function ofTotal({ free, capacity }: Agent, kind: keyof Resources, unit = 1): string {
  return `${(free?.[kind] ?? 0) / unit}/${(capacity?.[kind] ?? 0) / unit}`;
}
