import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { specOf } from '../filters/compile-spec.js';
import type { AgentIndex } from '../index/agent-index.js';
import { BlockIndex } from '../index/block-index.js';
import type { QueuedTask } from '../request/placement-request.js';
import { amounts } from '../testing/plain.js';
import { PlainIndex } from '../testing/plain-index.js';
import { CapacityProbe } from './capacity-probe.js';
import { place } from './place.js';
import { isUnplaced } from './place-options.js';

const portTexts = ['8080:80', '8080:80/udp', '9090:1,8080:2', '9090:9090', '53/udp', ''] as const;

const jobs = fc.array(
  fc.record({
    ports: fc.constantFrom(...portTexts),
    isOnHost: fc.boolean(),
    tier: fc.constantFrom('flex', 'flex', 'critical'),
    spreads: fc.boolean(),
  }),
  { minLength: 2, maxLength: 5 },
);

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('place' as const), picks: fc.array(fc.nat(4), { maxLength: 6 }) }),
    fc.record({ kind: fc.constantFrom('end' as const, 'move' as const), pick: fc.nat(20) }),
    fc.record({ kind: fc.constant('drain' as const), pick: fc.nat(3) }),
  ),
  { maxLength: 30 },
);

interface Job {
  readonly id: string;
  readonly ports: string;
  readonly isOnHost: boolean;
  readonly tier: string;
  readonly spreads: boolean;
}

function taskOf({ id, ports, isOnHost, tier, spreads }: Job, taskId: string): QueuedTask {
  const network: Record<string, string> = isOnHost ? { network: 'host' } : {};
  const container = {
    resources: { ports: isOnHost ? ports.replaceAll(/\d+:/g, '') : ports },
    parameters: { ...network, 'berth.spread': String(spreads) },
  };
  const labels = { 'berth.tier': tier };
  const spec = specOf(JobDescriptor.fromPartial({ labels, containers: { main: container } }));
  return { taskId, jobId: id, resources: amounts(1, 1), spec };
}

/** Fails if two tasks of an agent hold one port, unless one of them begins only after the other's end. */
function checkPorts(index: AgentIndex): void {
  for (const { bookings } of index.agents())
    for (const one of bookings.values())
      for (const other of bookings.values()) {
        if (one.taskId >= other.taskId) continue;
        const isInTurn = one.awaits?.includes(other.taskId) || other.awaits?.includes(one.taskId);
        const both = (one.hostPorts ?? []).filter((port) => other.hostPorts?.includes(port));
        if (!isInTurn) expect(both, `${one.taskId} and ${other.taskId}`).toEqual([]);
      }
}

/** A cell whose tasks come, end, stop for others and move. */
class Life {
  readonly #index: AgentIndex;
  readonly #queued = new Map<string, QueuedTask>();
  readonly #placed = new Map<string, QueuedTask & { readonly agentId: string }>();
  readonly #stopping = new Set<string>();
  #count = 0;
  moves = 0;
  preemptions = 0;

  constructor(index: AgentIndex) {
    this.#index = index;
    for (const id of ['a', 'b', 'c'])
      index.addAgent({
        id,
        attributes: { zone: id === 'c' ? 'y' : 'x' },
        total: amounts(3, 3, { ports: 9 }),
      });
  }

  get decisions(): readonly string[] {
    return [...this.#placed].map(([id, { agentId }]) => `${id} on ${agentId}`);
  }

  place(some: readonly Job[]): void {
    for (const job of some) this.#queue(taskOf(job, `t${this.#count++}`));
    const preemption = {
      allowanceOf: () => 9,
      isStopping: (id: string) => this.#stopping.has(id),
      stoppingOn: [...this.#placed.values()].map(({ agentId }) => agentId),
    };
    for (const result of [...place([...this.#queued.values()], this.#index, { preemption })]) {
      const task = this.#queued.get(result.taskId);
      const agent = isUnplaced(result) ? undefined : this.#index.find(result.agentId);
      if (isUnplaced(result) || task?.spec === undefined || agent === undefined) continue;
      const { taskId, jobId, resources, spec } = task;
      const { isExclusive, hostPorts } = spec;
      const awaits = result.preemption?.awaits ?? [];
      const isCritical = spec.tier === 'critical';
      this.#index.take(agent, {
        ...{ taskId, jobId, resources, gpus: [], isExclusive, isCritical, hostPorts, awaits },
      });
      for (const id of awaits) this.#stopping.add(id);
      if (awaits.length > 0) this.preemptions += 1;
      this.#queued.delete(taskId);
      this.#placed.set(taskId, { ...task, agentId: agent.id });
    }
  }

  end(pick: number): void {
    const task = [...this.#placed.values()][pick % (this.#placed.size || 1)];
    if (task !== undefined) this.#remove(task);
  }

  /** Moves a task as a drain does: its replacement is queued once another agent has capacity for it. */
  move(pick: number): void {
    const task = [...this.#placed.values()][pick % (this.#placed.size || 1)];
    if (task === undefined || this.#stopping.has(task.taskId)) return;
    this.#setDraining(task.agentId, true);
    const probe = new CapacityProbe(this.#index, {});
    const mayMove = probe.reserve(task);
    checkPorts(this.#index);
    probe.close();
    this.#setDraining(task.agentId, false);
    if (!mayMove) return;
    this.moves += 1;
    this.#remove(task);
    this.#queue({ ...task, taskId: `t${this.#count++}` });
  }

  drain(pick: number): void {
    const agent = this.#index.find(['a', 'b', 'c', 'none'][pick] ?? '');
    if (agent !== undefined) this.#setDraining(agent.id, !agent.isDraining);
  }

  #setDraining(agentId: string, isDraining: boolean): void {
    const agent = this.#index.find(agentId);
    if (agent === undefined) return;
    const { id, attributes, total, bookings } = agent;
    this.#index.addAgent({ id, attributes, total, isDraining }, [...bookings.values()]);
  }

  #queue(task: QueuedTask): void {
    this.#queued.set(task.taskId, task);
  }

  #remove({ taskId, agentId }: { readonly taskId: string; readonly agentId: string }): void {
    const agent = this.#index.find(agentId);
    if (agent !== undefined) this.#index.give(agent, taskId);
    this.#placed.delete(taskId);
    this.#stopping.delete(taskId);
  }
}

it('gives a port of a host to one task at a time, whatever is placed, preempted, moved and ended', () => {
  const seen = { moves: 0, preemptions: 0 };
  fc.assert(
    fc.property(jobs, steps, (ofJobs, script) => {
      const named = ofJobs.map((job, at) => ({ ...job, id: `job${at}` }));
      const indexes = [new BlockIndex(), new PlainIndex()];
      const lives = indexes.map((index) => new Life(index));
      for (const step of script) {
        for (const life of lives) {
          if (step.kind === 'place')
            life.place(step.picks.flatMap((pick) => named[pick % named.length] ?? []));
          else life[step.kind](step.pick);
        }
        for (const index of indexes) checkPorts(index);
        expect(lives[1]?.decisions).toEqual(lives[0]?.decisions);
      }
      seen.moves += lives[0]?.moves ?? 0;
      seen.preemptions += lives[0]?.preemptions ?? 0;
    }),
    { numRuns: 400 },
  );
  expect(seen.moves).toBeGreaterThan(50);
  expect(seen.preemptions).toBeGreaterThan(10);
});
