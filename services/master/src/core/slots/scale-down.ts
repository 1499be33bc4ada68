import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';

/**
 * Picks the tasks that go when a service shrinks by `count`. First go slots that only wait for a replacement,
 * then tasks that are stopping anyway, then QUEUED ones, then those still starting, then running ones. Among
 * equals the agent with most of the job's tasks comes first, then the zone with most of them, and there the
 * task that started last. Ties go by slot, so the choice is repeatable. The cost is `count` times the number
 * of agents with tasks of the job.
 */
export function pickScaleDown(occupied: readonly TaskRecord[], count: number): readonly TaskRecord[] {
  if (count <= 0) return [];
  const crowds = new TaskCrowds();
  const byStage = new Map(stages.map((stage) => [stage, new Map<string, TasksOnAgent>()]));
  for (const task of occupied) crowds.join(byStage.get(stageOf(task)) ?? new Map(), task);
  const removed: TaskRecord[] = [];
  for (const groups of byStage.values()) {
    for (const { tasks } of groups.values()) tasks.sort((a, b) => -compareAge(a, b));
    while (removed.length < count && groups.size > 0) removed.push(takeFirst(groups));
  }
  return removed;
}

const stages = ['waiting', 'stopping', 'queued', 'starting', 'running'] as const;

function stageOf(task: TaskRecord): (typeof stages)[number] {
  if (!isTaskLive(task)) return 'waiting';
  if (task.stop !== undefined) return 'stopping';
  const state = taskState(task);
  if (state === State.QUEUED) return 'queued';
  return state === State.RUNNING ? 'running' : 'starting';
}

/** The number of the job's tasks on one agent, or in one zone. */
interface TaskCrowd {
  size: number;
}

/** The tasks of one life stage on one agent in one zone; the first to go comes last. */
interface TasksOnAgent {
  readonly key: string;
  readonly agent: TaskCrowd;
  readonly zone: TaskCrowd;
  readonly tasks: TaskRecord[];
}

/** The crowds on agents and in zones. All life stages share them. */
class TaskCrowds {
  readonly #agents = new Map<string, TaskCrowd>();
  readonly #zones = new Map<string, TaskCrowd>();

  join(groups: Map<string, TasksOnAgent>, task: TaskRecord): void {
    const zoneName = task.task?.taskContext['agent.zone'] ?? '';
    const agent = crowdIn(this.#agents, task.agentId);
    const zone = crowdIn(this.#zones, zoneName);
    agent.size += 1;
    zone.size += 1;
    const key = `${task.agentId} ${zoneName}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { key, agent, zone, tasks: [task] });
    else group.tasks.push(task);
  }
}

function crowdIn(crowds: Map<string, TaskCrowd>, name: string): TaskCrowd {
  const crowd = crowds.get(name) ?? { size: 0 };
  crowds.set(name, crowd);
  return crowd;
}

/** Takes the first task to go out of its group and its crowds. */
function takeFirst(groups: Map<string, TasksOnAgent>): TaskRecord {
  let first: TasksOnAgent | undefined;
  for (const group of groups.values())
    if (first === undefined || compareGroups(group, first) < 0) first = group;
  const task = first?.tasks.pop();
  if (first === undefined || task === undefined)
    throw new TypeError('a group of tasks on an agent is never empty');
  first.agent.size -= 1;
  first.zone.size -= 1;
  if (first.tasks.length === 0) groups.delete(first.key);
  return task;
}

function compareGroups(a: TasksOnAgent, b: TasksOnAgent): number {
  return (
    b.agent.size - a.agent.size || b.zone.size - a.zone.size || compareAge(a.tasks.at(-1), b.tasks.at(-1))
  );
}

/** Returns a negative number if `a` goes before `b`: the later start goes first, then the higher slot. */
function compareAge(a: TaskRecord | undefined, b: TaskRecord | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return b.runningAtMs - a.runningAtMs || b.slot - a.slot;
}
