import { Constraints, Container, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { specOf } from '../filters/compile-spec.js';
import type { AgentIndex } from '../index/agent-index.js';
import { BlockIndex } from '../index/block-index.js';
import { place } from '../place/place.js';
import { isUnplaced } from '../place/place-options.js';
import type { QueuedTask } from '../request/placement-request.js';
import type { PlacementSpec } from '../request/placement-spec.js';
import { amounts } from '../testing/plain.js';

interface Host {
  readonly cpu: number;
  readonly gpus: number;
  readonly model?: string;
}

function indexOf(hosts: Readonly<Record<string, Host>>): AgentIndex {
  const index = new BlockIndex();
  for (const [id, { cpu, gpus, model = 'A' }] of Object.entries(hosts))
    index.addAgent({
      id,
      attributes: { gpuModel: model },
      total: amounts(cpu, 100, { gpuMillis: gpus * 1000 }),
    });
  return index;
}

function asking(cpu: number, gpuMillis: number, spec?: PlacementSpec): Omit<QueuedTask, 'taskId'> {
  return { jobId: 'job', resources: amounts(cpu, 1, { gpuMillis }), ...(spec && { spec }) };
}

function ofModel(model: string): PlacementSpec {
  const hardConstraints = Constraints.create({ constraints: { gpuModel: model } });
  return specOf(
    JobDescriptor.fromPartial({ containers: { main: Container.fromPartial({ hardConstraints }) } }),
  );
}

const policy = 'fragmentation';

/** Lets the cell see the usual requests, and leaves its agents as they were. */
function see(index: AgentIndex, task: Omit<QueuedTask, 'taskId'>, times = 20): void {
  const tasks = Array.from({ length: times }, (_, each) => ({ ...task, taskId: `seen${each}` }));
  expect([...place(tasks, index, { policy })]).toHaveLength(times);
}

function agentFor(index: AgentIndex, task: Omit<QueuedTask, 'taskId'>): string | undefined {
  const [outcome] = [...place([{ ...task, taskId: 't' }], index, { policy })];
  return outcome === undefined || isUnplaced(outcome) ? undefined : outcome.agentId;
}

describe('fragmentation', () => {
  it('keeps the cpu of hosts whose gpus need it for tasks that want gpus', () => {
    const index = indexOf({ scarce: { cpu: 8, gpus: 4 }, plenty: { cpu: 40, gpus: 4 } });
    see(index, asking(2, 1000));
    expect(agentFor(index, asking(4, 0))).toBe('plenty');
  });

  it('takes gpus that the usual requests may not use before those that they may', () => {
    const index = indexOf({
      wanted: { cpu: 16, gpus: 2, model: 'A' },
      other: { cpu: 16, gpus: 2, model: 'B' },
    });
    see(index, asking(1, 1000, ofModel('A')));
    expect(agentFor(index, asking(1, 1000))).toBe('other');
  });

  it('gives a share of the gpu that has just this left before it breaks a whole one', () => {
    const index = indexOf({ a: { cpu: 16, gpus: 2 } });
    see(index, asking(1, 1000));
    const found = index.find('a');
    if (found === undefined) throw new Error('the agent is there');
    const { resources } = asking(1, 700);
    index.take(found, { taskId: 'first', jobId: 'job', resources, gpus: [1], isExclusive: false });
    const [outcome] = [...place([{ ...asking(1, 300), taskId: 't' }], index, { policy })];
    expect(outcome).toMatchObject({ agentId: 'a', gpus: [1] });
  });
});
