import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isTaskLive, State, taskState } from '@berth/shared/model/task-state';

/**
 * Who goes when a service shrinks by `count`: slots that only wait for a replacement, then tasks that are stopping
 * anyway, then QUEUED ones, then those still starting, then running ones. Among equals first from the agent, then from
 * the zone, that has most of the job's tasks, and there the one that started last. Ties go by slot, so the choice is
 * repeatable. Costs `count` times the number of agents that the job is on.
 */
export function pickScaleDown(occupied: readonly TaskRecord[], count: number): readonly TaskRecord[] {
  if (count <= 0) return [];
  const crowd = new Crowd(occupied);
  const victims: TaskRecord[] = [];
  for (const stage of stages) {
    const places = groupByPlace(occupied.filter((task) => stageOf(task) === stage));
    while (victims.length < count && places.size > 0) {
      const [place, tasks] = pickPlace(places, crowd);
      const victim = tasks.pop();
      if (tasks.length === 0) places.delete(place);
      if (victim === undefined) continue;
      crowd.leave(victim);
      victims.push(victim);
    }
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

/** The tasks of one agent in one zone, the first to go last. */
type Places = Map<string, TaskRecord[]>;

function groupByPlace(tasks: readonly TaskRecord[]): Places {
  const places: Places = new Map();
  for (const task of tasks) {
    const place = `${task.agentId} ${zoneOf(task)}`;
    const there = places.get(place);
    if (there === undefined) places.set(place, [task]);
    else there.push(task);
  }
  for (const there of places.values()) there.sort((a, b) => -compareAge(a, b));
  return places;
}

function pickPlace(places: Places, crowd: Crowd): [string, TaskRecord[]] {
  let picked: { readonly place: string; readonly tasks: TaskRecord[]; readonly first: TaskRecord } | undefined;
  for (const [place, tasks] of places) {
    const first = tasks.at(-1);
    if (first === undefined) continue;
    if (picked === undefined || (crowd.compare(first, picked.first) || compareAge(first, picked.first)) < 0) {
      picked = { place, tasks, first };
    }
  }
  if (picked === undefined) throw new TypeError('a place that is kept has a task');
  return [picked.place, picked.tasks];
}

/** Negative where `a` goes before `b`: the one that started last, then the one in the highest slot. */
function compareAge(a: TaskRecord, b: TaskRecord): number {
  return b.runningAtMs - a.runningAtMs || b.slot - a.slot;
}

/** How many of the job's tasks are on each agent and in each zone. */
class Crowd {
  readonly #agents = new Map<string, number>();
  readonly #zones = new Map<string, number>();

  constructor(tasks: readonly TaskRecord[]) {
    for (const task of tasks) this.#count(task, 1);
  }

  leave(task: TaskRecord): void {
    this.#count(task, -1);
  }

  /** Negative where `a` is in the greater crowd. */
  compare(a: TaskRecord, b: TaskRecord): number {
    return (
      (this.#agents.get(b.agentId) ?? 0) - (this.#agents.get(a.agentId) ?? 0) ||
      (this.#zones.get(zoneOf(b)) ?? 0) - (this.#zones.get(zoneOf(a)) ?? 0)
    );
  }

  #count(task: TaskRecord, by: number): void {
    this.#agents.set(task.agentId, (this.#agents.get(task.agentId) ?? 0) + by);
    this.#zones.set(zoneOf(task), (this.#zones.get(zoneOf(task)) ?? 0) + by);
  }
}

function zoneOf(task: TaskRecord): string {
  return task.task?.taskContext['agent.zone'] ?? '';
}
