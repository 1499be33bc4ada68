import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';

/**
 * Who goes when a service shrinks by `count`: slots that only wait for a replacement, then tasks that are stopping
 * anyway, then QUEUED ones, then those still starting, then running ones. Among equals first from the agent, then from
 * the zone, that has most of the job's tasks, and there the one that started last. Ties go by slot, so the choice is
 * repeatable. Costs `count` times the number of agents that the job is on.
 */
export function pickScaleDown(occupied: readonly TaskRecord[], count: number): readonly TaskRecord[] {
  if (count <= 0) return [];
  const crowds = new Crowds();
  const byStage = new Map(stages.map((stage) => [stage, new Map<string, Place>()]));
  for (const task of occupied) crowds.join(byStage.get(stageOf(task)) ?? new Map(), task);
  const victims: TaskRecord[] = [];
  for (const places of byStage.values()) {
    for (const { tasks } of places.values()) tasks.sort((a, b) => -compareAge(a, b));
    while (victims.length < count && places.size > 0) victims.push(takeFirst(places));
  }
  return victims;
}

const stages = ['waiting', 'stopping', 'queued', 'starting', 'running'] as const;

function stageOf(task: TaskRecord): (typeof stages)[number] {
  if (!isTaskLive(task)) return 'waiting';
  if (task.stop !== undefined) return 'stopping';
  const state = taskState(task);
  if (state === State.QUEUED) return 'queued';
  return state === State.RUNNING ? 'running' : 'starting';
}

/** How many of the job's tasks are together somewhere. */
interface Crowd {
  size: number;
}

/** The tasks of one stage that are on one agent in one zone; the first to go comes last. */
interface Place {
  readonly key: string;
  readonly agent: Crowd;
  readonly zone: Crowd;
  readonly tasks: TaskRecord[];
}

/** The crowds on agents and in zones, which all stages share. */
class Crowds {
  readonly #agents = new Map<string, Crowd>();
  readonly #zones = new Map<string, Crowd>();

  join(places: Map<string, Place>, task: TaskRecord): void {
    const zoneName = task.task?.taskContext['agent.zone'] ?? '';
    const agent = crowdIn(this.#agents, task.agentId);
    const zone = crowdIn(this.#zones, zoneName);
    agent.size += 1;
    zone.size += 1;
    const key = `${task.agentId} ${zoneName}`;
    const place = places.get(key);
    if (place === undefined) places.set(key, { key, agent, zone, tasks: [task] });
    else place.tasks.push(task);
  }
}

function crowdIn(crowds: Map<string, Crowd>, name: string): Crowd {
  const crowd = crowds.get(name) ?? { size: 0 };
  crowds.set(name, crowd);
  return crowd;
}

/** Takes the first to go out of its place and its crowds. */
function takeFirst(places: Map<string, Place>): TaskRecord {
  let first: Place | undefined;
  for (const place of places.values())
    if (first === undefined || comparePlaces(place, first) < 0) first = place;
  const task = first?.tasks.pop();
  if (first === undefined || task === undefined) throw new TypeError('a place that is kept has a task');
  first.agent.size -= 1;
  first.zone.size -= 1;
  if (first.tasks.length === 0) places.delete(first.key);
  return task;
}

function comparePlaces(a: Place, b: Place): number {
  return (
    b.agent.size - a.agent.size || b.zone.size - a.zone.size || compareAge(a.tasks.at(-1), b.tasks.at(-1))
  );
}

/** Negative where `a` goes before `b`: the one that started last, then the one in the highest slot. */
function compareAge(a: TaskRecord | undefined, b: TaskRecord | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return b.runningAtMs - a.runningAtMs || b.slot - a.slot;
}
