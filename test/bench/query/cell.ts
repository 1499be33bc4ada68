/* A cell of many running jobs, committed as gateways and masters would. */

import { type JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { moveTask, State, stateName, toRfc3339 } from '@berth/shared/model/task/task-state';
import type { Write } from '@berth/store';
import type { MemoryStore } from '@berth/store/memory';

/**
 * Every n-th job belongs to one team, and every n-th runs: a page of 100 is a part of the jobs that match
 * both.
 */
export const teams = 20;
const restingShare = 4;
const beganAtMs = Date.UTC(2026, 0, 1);
const maxWrites = 1000;

/** The id of the job of this index. */
export function jobIdAt(index: number): string {
  return `01a2033f-c27a-77d5-9e3c-${String(index).padStart(12, '0')}`;
}

/** When the job of this index was created, in milliseconds since 1970. */
export function createdAt(index: number): number {
  return beganAtMs + index;
}

/** Puts the jobs, with so many tasks each, into the store; their indexes begin with `first`. */
export async function fill(store: MemoryStore, jobs: number, tasksPerJob: number, first = 0): Promise<void> {
  let writes: Write[] = [];
  const commit = async () => {
    const result = await store.commit({ actor: 'bench', writes });
    if (!result.ok) throw new Error(`the store refused: ${result.reason}`);
    writes = [];
  };
  for (let index = first; index < first + jobs; index += 1) {
    const own = writesOf(index, tasksPerJob);
    for (const write of own) {
      if (writes.length >= maxWrites) await commit();
      writes.push(write);
    }
  }
  await commit();
}

function writesOf(index: number, tasksPerJob: number): Write[] {
  const id = jobIdAt(index);
  const createdAtMs = createdAt(index);
  const state = index % restingShare === 0 ? State.QUEUED : State.RUNNING;
  const record: JobRecord = {
    id,
    clusterId: 'default',
    descriptor: descriptorOf(index, tasksPerJob),
    createdAtMs,
    createdBy: 'bench',
    kill: undefined,
    arguments: [],
    fireAtMs: 0,
    clusterPlace: undefined,
    instancesSetAtMs: {},
  };
  const status = JobStatusRecord.fromPartial({
    jobId: id,
    state: { state, reason: '' },
    stateChanges: [{ state: stateName(state), timestamp: toRfc3339(createdAtMs) }],
  });
  const tasks = Array.from({ length: tasksPerJob }, (_, slot): Write => {
    const task = taskOf(id, slot, state, createdAtMs);
    return { kind: 'task', id: taskIdOf(task), record: task };
  });
  return [{ kind: 'job', id, record }, { kind: 'jobStatus', id, record: status }, ...tasks];
}

function descriptorOf(index: number, desired: number): JobDescriptor {
  return JobDescriptor.fromPartial({
    owner: { ownerEmail: 'ada@example.org', teamEmail: 'engines@example.org' },
    appName: `app-${index % 500}`,
    labels: { team: `team-${index % teams}`, stack: index % 2 === 0 ? 'main' : 'test', revision: '7f3a2b1c' },
    containers: {
      main: {
        image: { name: 'registry.example.org/engines/app:1.36', imageId: `sha256:${'0'.repeat(64)}` },
        resources: { cpu: '0.5', memory: '512MiB', disk: '1GiB', ports: '8080' },
        command: ['serve', '--port', '8080'],
        env: { LOG_LEVEL: 'info', REGION: 'eu-1' },
      },
    },
    jobSpec: { $case: 'service', value: { instances: { min: 0, max: 100, desired }, containerId: 'main' } },
  });
}

function taskOf(jobId: string, slot: number, state: State, createdAtMs: number): TaskRecord {
  const id = `${jobId}.${slot}-0`;
  const queued = TaskRecord.fromPartial({
    task: {
      id,
      taskContext: { 'task.index': String(slot), 'task.originalId': id, 'task.resubmitNumber': '0' },
      state: { state: State.QUEUED, reason: '' },
      stateChanges: [{ state: 'QUEUED', timestamp: toRfc3339(createdAtMs) }],
    },
    jobId,
    slot,
    createdAtMs,
    ...(state === State.RUNNING ? { agentId: `agent-${slot}` } : {}),
  });
  const states = state === State.RUNNING ? [State.DISPATCHED, State.STARTING, State.RUNNING] : [];
  const context = {
    'agent.id': `agent-${slot}`,
    'agent.zone': 'a',
    'agent.host': `host-${slot}.example.org`,
  };
  return states.reduce(
    (task, to) => moveTask(task, { to, code: '', atMs: createdAtMs + to, context }) ?? task,
    queued,
  );
}
