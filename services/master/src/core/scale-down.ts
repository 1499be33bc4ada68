import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isTaskLive, State, taskState } from '@berth/shared/model/task-state';

/**
 * Who goes when a service shrinks by `count`: slots that only wait for a replacement, then QUEUED tasks, then those
 * still starting, then running ones; among running ones first from the agent, then from the zone, that has most of the
 * job's tasks, the one that started last first. Ties go by id, so the choice is repeatable.
 */
export function pickScaleDown(occupied: readonly TaskRecord[], count: number): readonly TaskRecord[] {
  const remaining = [...occupied];
  const victims: TaskRecord[] = [];
  while (victims.length < count && remaining.length > 0) {
    const crowd = crowding(remaining);
    const next = remaining.reduce((best, task) => (compare(task, best, crowd) < 0 ? task : best));
    remaining.splice(remaining.indexOf(next), 1);
    victims.push(next);
  }
  return victims;
}

interface Crowding {
  readonly agents: ReadonlyMap<string, number>;
  readonly zones: ReadonlyMap<string, number>;
}

function crowding(tasks: readonly TaskRecord[]): Crowding {
  return { agents: countBy(tasks, (task) => task.agentId), zones: countBy(tasks, zoneOf) };
}

function compare(a: TaskRecord, b: TaskRecord, { agents, zones }: Crowding): number {
  return (
    stage(a) - stage(b) ||
    (agents.get(b.agentId) ?? 0) - (agents.get(a.agentId) ?? 0) ||
    (zones.get(zoneOf(b)) ?? 0) - (zones.get(zoneOf(a)) ?? 0) ||
    b.runningAtMs - a.runningAtMs ||
    (a.slot === b.slot ? 0 : b.slot - a.slot)
  );
}

function stage(task: TaskRecord): number {
  if (!isTaskLive(task)) return 0;
  const state = taskState(task);
  if (state === State.QUEUED) return 1;
  return state === State.RUNNING ? 3 : 2;
}

function zoneOf(task: TaskRecord): string {
  return task.task?.taskContext['agent.zone'] ?? '';
}

function countBy(tasks: readonly TaskRecord[], key: (task: TaskRecord) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const task of tasks) counts.set(key(task), (counts.get(key(task)) ?? 0) + 1);
  return counts;
}
