import {
  AgentState,
  type JobRecord,
  type TaskRecord,
  type TaskReport,
} from '@berth/shared/gen/berth/v1/store';
import { instancesOf } from '@berth/shared/model/job/job';
import { noStage, withInstances } from '@berth/shared/model/job/stages';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, taskState } from '@berth/shared/model/task/task-state';
import type { CommitRequest, Write } from '@berth/store';
import { decodeEntity, encodeRecord, fieldOf } from '@berth/store/wire';
import { expect } from 'vitest';
import { masterActor } from '../commit/leader-committer.js';
import { agentsInState } from '../core/heartbeats/agent-liveness.js';
import { WaitingTasks } from '../core/plan/waiting-tasks.js';
import { commitOf, isEmptyPlan } from '../core/round/commit-plan.js';
import { planRound } from '../core/round/round.js';
import type { Limits } from '../core/task/limits.js';
import { PendingWork } from '../work/pending-work.js';
import { anAgentStatus, limits as defaultLimits, must, t0 } from './fixtures.js';
import { Laws } from './laws.js';
import { type Fate, SimAgent } from './sim-agent.js';
import { TestCell } from './test-cell.js';

/** More rounds than this after one event mean that the master never comes to rest. */
const restingRounds = 300;

export interface SimulationOptions {
  readonly agents?: number;
  readonly cpuMillisPerAgent?: number;
  readonly limits?: Partial<Limits>;
  readonly maxWrites?: number;
  readonly maxFinishedJobs?: number;
}

/**
 * A whole cell over the pure functions: rounds, agents and callers in virtual time. Each commit must obey the
 * laws.
 */
export class Simulation {
  readonly cell = new TestCell();
  readonly laws: Laws;
  readonly agents: readonly SimAgent[];
  readonly archive = new Map<string, Map<string, Uint8Array>>();
  readonly #work: PendingWork;
  readonly #limits: Limits;
  readonly #maxWrites: number;
  readonly #inbox: TaskReport[] = [];
  nowMs = t0;

  constructor(options: SimulationOptions = {}) {
    const {
      agents = 3,
      cpuMillisPerAgent: cpuMillis = 4000,
      limits,
      maxWrites = 1000,
      maxFinishedJobs = 1000,
    } = options;
    this.#limits = { ...defaultLimits, ...limits };
    this.#maxWrites = maxWrites;
    this.agents = Array.from({ length: agents }, (_, index) => new SimAgent(`agent-${index}`));
    for (const { id } of this.agents)
      this.cell.putAgent({ id, cpuMillis, memoryMb: 1e6, zone: `z${id.length % 2}` });
    this.#work = new PendingWork(this.cell, maxFinishedJobs, { countsGroups: true });
    this.laws = new Laws(this.cell, this.#work);
  }

  submit(job: JobRecord): void {
    this.#commit({ actor: 'caller', writes: [{ kind: 'job', id: job.id, record: job }] });
    this.rest();
  }

  killJob(id: string): void {
    const job = this.cell.find('job', id)?.record;
    if (job === undefined) return;
    this.submit({ ...job, kill: job.kill ?? { atMs: this.nowMs, by: 'ada' } });
  }

  killTask(id: string): void {
    const record = { taskId: id, wish: { atMs: this.nowMs, by: 'ada' } };
    this.#commit({ actor: 'caller', writes: [{ kind: 'taskStop', id, record }] });
    this.rest();
  }

  /** Scales a service, or that stage of a Mantis job. */
  scale(id: string, desired: number, stage = 1): void {
    const job = this.cell.find('job', id)?.record;
    const kind = job?.descriptor?.jobSpec?.$case;
    if (job?.descriptor === undefined || kind === undefined || kind === 'batch') return;
    const at = kind === 'mantis' ? stage : noStage;
    const instances = { ...instancesOf(job.descriptor, at), desired };
    this.submit({ ...job, descriptor: withInstances(job.descriptor, at, instances) });
  }

  /** One turn of one agent; the clock of the agent is wrong by `skewMs`. */
  agentTurn(index: number, fate: Fate, skewMs = 0): void {
    const agent = must(this.agents[index % this.agents.length]);
    this.report(agent.turn(fate, this.nowMs + skewMs));
  }

  report(reports: readonly TaskReport[]): void {
    this.#inbox.push(...reports);
    this.rest();
  }

  /** Cuts an agent off; the master takes it for lost. */
  loseAgent(index: number): void {
    const agent = must(this.agents[index % this.agents.length]);
    agent.isCutOff = true;
    this.#setAgentState(agent.id, AgentState.LOST);
  }

  returnAgent(index: number): void {
    const agent = must(this.agents[index % this.agents.length]);
    agent.isCutOff = false;
    this.#setAgentState(agent.id, AgentState.ALIVE);
  }

  /** Drains an agent; once the deadline is over (0: never), all of it goes. */
  drainAgent(index: number, deadlineAfterMs = 0): void {
    const agentId = must(this.agents[index % this.agents.length]).id;
    const deadlineAtMs = deadlineAfterMs === 0 ? 0 : this.nowMs + deadlineAfterMs;
    const record = { agentId, wish: { atMs: this.nowMs, by: 'ada' }, deadlineAtMs };
    this.#commit({ actor: 'caller', writes: [{ kind: 'agentDrain', id: agentId, record }] });
    this.rest();
  }

  undrainAgent(index: number): void {
    const { id } = must(this.agents[index % this.agents.length]);
    this.#commit({ actor: 'caller', writes: [{ kind: 'agentDrain', id }] });
    this.rest();
  }

  /** Lets time pass, stopping at each due time. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.#work.nextMs() <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.#work.nextMs());
      this.rest();
    }
    this.nowMs = endMs;
    this.rest();
  }

  /** Rounds until there is nothing more to do now. */
  rest(): void {
    for (let rounds = 0; this.#inbox.length > 0 || this.#work.hasWork(this.nowMs); rounds++) {
      if (rounds > restingRounds) throw new Error('the master does not come to rest');
      this.#round();
    }
  }

  /** Agents go on willingly, and time passes, until nothing changes any more. */
  settle(ms = 60 * 60 * 1000): void {
    for (let index = 0; index < this.agents.length; index++) this.returnAgent(index);
    const stepMs = ms / 60;
    for (let step = 0; step < 60; step++) {
      for (let turn = 0; turn < 3; turn++)
        for (const index of this.agents.keys()) this.agentTurn(index, 'progress');
      this.advance(stepMs);
    }
    for (let turn = 0; turn < 3; turn++)
      for (const index of this.agents.keys()) this.agentTurn(index, 'progress');
  }

  /** The changes of a pass over all jobs now: none, if the pending work misses nothing. */
  missed(): readonly string[] {
    const queued = [...this.cell.all('task')].map(({ record }) => record).filter(isQueued);
    const plan = this.#plan(
      [...this.cell.all('job')].map(({ id }) => id),
      [],
      { waiting: new WaitingTasks(queued), hasChanges: true },
    );
    return [...plan.tasks.keys(), ...plan.statuses.keys(), ...plan.removedTaskIds, ...plan.removedJobIds];
  }

  liveTasks(jobId?: string): readonly TaskRecord[] {
    const all = [...this.cell.all('task')].map(({ record }) => record);
    return all.filter((task) => isTaskLive(task) && (jobId === undefined || task.jobId === jobId));
  }

  #round(): void {
    const reports = this.#inbox.splice(0, Math.floor(this.#maxWrites / 2));
    this.#work.surplusFinished();
    const plan = this.#plan(this.#work.takeJobs(this.nowMs), reports, this.#work.takeQueue(this.nowMs));
    if (!isEmptyPlan(plan)) this.#commit({ actor: masterActor, ...commitOf(this.cell, plan, this.#limits) });
    for (const [jobId, dueMs] of plan.dueMs) this.#work.due.set(jobId, dueMs);
    for (const [jobId, dueMs] of plan.placedDueMs) this.#work.due.bringForward(jobId, dueMs);
    this.#work.touch(plan.leftOver);
    if (plan.queueLeft) this.#work.retryQueue();
    this.#work.retryQueueAt(plan.queueDueMs);
  }

  #plan(
    jobIds: readonly string[],
    reports: readonly TaskReport[],
    queue: ReturnType<PendingWork['takeQueue']>,
  ) {
    return planRound({
      cell: this.cell,
      nowMs: this.nowMs,
      limits: this.#limits,
      patienceUntilMs: 0,
      jobIds,
      reports: reports.map((report, index) => ({ streamId: `${index}-0`, report })),
      queue,
      agents: this.#work.ledger,
      retireNow: this.#work.surplusFinished(),
      orphanStopIds: this.#work.orphanStops(),
      maxWrites: this.#maxWrites,
    });
  }

  #commit(request: CommitRequest): void {
    if (request.writes.length > this.#maxWrites) throw new Error('a commit is larger than it may be');
    for (const write of request.writes) expectReadsBack(write);
    const changes = this.cell.apply(request.writes);
    for (const { agentId, taskId, assignment } of request.assignments ?? []) {
      const { assigned } = must(this.agents.find(({ id }) => id === agentId));
      if (assignment === undefined) assigned.delete(taskId);
      else assigned.set(taskId, assignment);
    }
    for (const { jobId, fields } of request.archive ?? []) {
      this.archive.set(jobId, new Map([...(this.archive.get(jobId) ?? []), ...Object.entries(fields)]));
    }
    this.#work.take({
      revision: this.cell.revision,
      commitId: '',
      atMs: this.nowMs,
      actor: request.actor,
      changes,
    });
    this.laws.check(changes, this.agents);
  }

  #setAgentState(agentId: string, state: AgentState): void {
    if (agentsInState(this.cell, state).includes(agentId)) return;
    const record = anAgentStatus(agentId, state, this.nowMs);
    this.#commit({ actor: masterActor, writes: [{ kind: 'agentStatus', id: agentId, record }] });
    this.rest();
  }
}

function isQueued(task: TaskRecord): boolean {
  return isTaskLive(task) && taskIdOf(task) !== '' && taskState(task) === 0;
}

/**
 * A leader keeps the records that it commits, and everybody else decodes them: they must be the same to both.
 */
function expectReadsBack({ kind, id, record }: Write): void {
  if (record === undefined) return;
  const stored = { field: fieldOf(kind, id), revision: 1, bytes: encodeRecord(kind, record) };
  expect(decodeEntity(stored)?.record, `the ${kind} ${id} as others read it`).toEqual(record);
}
