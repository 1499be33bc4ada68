import { AgentLedger } from '@berth/scheduler';
import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { AnyChange } from '@berth/shared/model/cell/change';
import { instancesOf, jobState } from '@berth/shared/model/job/job';
import { noStage, stagesOf } from '@berth/shared/model/job/stages';
import { fits, zeroResources } from '@berth/shared/model/resources/vector';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, isTerminal, State, taskState } from '@berth/shared/model/task/task-state';
import { expect } from 'vitest';
import type { PendingWork } from '../work/pending-work.js';
import { limits } from './fixtures.js';
import { checkPlacements } from './placement-laws.js';
import { RetryLaws } from './retry-laws.js';
import type { SimAgent } from './sim-agent.js';
import type { TestCell } from './test-cell.js';

/** The laws that hold after every commit. */
export class Laws {
  readonly #cell: TestCell;
  readonly #work: PendingWork;
  /** Every task id that there ever was. */
  readonly taskIds = new Set<string>();
  /** Stages that have had a task, by job and stage. */
  readonly #begun = new Set<string>();
  /** The last worker number of each job. */
  readonly #workerNumbers = new Map<string, number>();

  readonly #retries: RetryLaws;

  constructor(cell: TestCell, work: PendingWork) {
    this.#cell = cell;
    this.#retries = new RetryLaws(cell);
    this.#work = work;
  }

  check(changes: readonly AnyChange[], agents: readonly SimAgent[]): void {
    for (const change of changes) {
      if (change.kind === 'task') this.#checkTask(change.id, change.before?.record, change.after?.record);
      if (change.kind === 'jobStatus') checkStatus(change.before?.record, change.after?.record);
    }
    checkPlacements(this.#cell, changes);
    this.#retries.check(changes);
    this.#oneLiveTaskPerSlot();
    this.#assignmentsAreLiveTasks(agents);
    this.#noAgentIsOvercommitted(agents);
    this.#whoeverIsWaitedForIsThere();
    this.#ledgerIsRight();
  }

  #checkTask(id: string, before: TaskRecord | undefined, after: TaskRecord | undefined): void {
    if (before === undefined && after !== undefined) {
      expect(this.taskIds.has(id), `task id ${id} is used twice`).toBe(false);
      this.taskIds.add(id);
      this.#checkStage(id, after);
      this.#checkBeginning(id, after);
    }
    if (before === undefined || after === undefined) {
      // A record that leaves has ended, and its end was committed before.
      if (before !== undefined)
        expect(isTerminal(taskState(before)), `${id} leaves while it lives`).toBe(true);
      return;
    }
    expect(taskIdOf(after)).toBe(id);
    if (!isTaskLive(before)) expect(after.task, `${id} changes after its end`).toEqual(before.task);
    else expect(taskState(after), `${id} goes back`).toBeGreaterThanOrEqual(taskState(before));
    const times = after.task?.stateChanges.map(({ timestamp }) => timestamp) ?? [];
    expect(times, `the history of ${id} goes back in time`).toEqual(times.toSorted());
  }

  /** A stage has its first task once all tasks of the stage before it run, or its time is over. */
  #checkBeginning(id: string, { jobId, stage, createdAtMs }: TaskRecord): void {
    const key = `${jobId}.${stage}`;
    const job = this.#cell.find('job', jobId)?.record;
    if (stage < 2 || job?.descriptor === undefined || this.#begun.has(key)) return;
    this.#begun.add(key);
    if (createdAtMs >= job.createdAtMs + (stage - 1) * limits.stageWaitMs) return;
    const { desired } = instancesOf(job.descriptor, stage - 1);
    const running = this.#cell
      .tasksOf(jobId)
      .filter(({ record }) => record.stage === stage - 1 && taskState(record) === State.RUNNING)
      .filter(({ record }) => record.slot < desired);
    expect(running, `tasks that run before ${id} begins its stage`).toHaveLength(desired);
  }

  /** A new task is of a stage of its job, and has a number that no task of the job ever had. */
  #checkStage(id: string, { jobId, stage, workerNumber }: TaskRecord): void {
    const descriptor = this.#cell.find('job', jobId)?.record.descriptor;
    if (descriptor !== undefined) expect(stagesOf(descriptor), `the stage of ${id}`).toContain(stage);
    expect(workerNumber === undefined, `${id} has a worker number, or no stage`).toBe(stage === noStage);
    if (workerNumber === undefined) return;
    const last = this.#workerNumbers.get(jobId) ?? 0;
    expect(workerNumber, `the worker number of ${id}`).toBeGreaterThan(last);
    this.#workerNumbers.set(jobId, workerNumber);
  }

  #oneLiveTaskPerSlot(): void {
    const slots = [...this.#cell.all('task')]
      .filter(({ record }) => isTaskLive(record))
      .map(({ record }) => `${record.jobId}.${record.stage}.${record.slot}`);
    expect(slots, 'two live tasks share a slot').toEqual([...new Set(slots)]);
  }

  #assignmentsAreLiveTasks(agents: readonly SimAgent[]): void {
    for (const { id, assigned } of agents) {
      const live = [...this.#cell.all('task')].filter(
        ({ record }) => record.agentId === id && isTaskLive(record),
      );
      expect([...assigned.keys()].toSorted(), `assignments of ${id}`).toEqual(
        live.map((task) => task.id).toSorted(),
      );
      for (const task of live)
        expect(assigned.get(task.id), `the order for ${task.id}`).toMatchObject({
          stop: task.record.stop,
          awaitedTaskIds: task.record.awaitedTaskIds,
        });
    }
  }

  /**
   * No agent is overbooked: neither by its assignments, in any order of the victims' ends, nor by its
   * containers.
   */
  #noAgentIsOvercommitted(agents: readonly SimAgent[]): void {
    for (const { id, record } of this.#cell.all('agent')) {
      const capacity = record.capacity ?? zeroResources();
      expect(fits(this.#cell.usedOn(id), capacity), `${id} has more than it can hold`).toBe(true);
      const held = agents.find((agent) => agent.id === id)?.held ?? zeroResources();
      expect(fits(held, capacity), `more runs on ${id} than it can hold`).toBe(true);
    }
  }

  /** A task waits only for tasks of its own agent that have been ordered to stop. */
  #whoeverIsWaitedForIsThere(): void {
    for (const { id, record } of this.#cell.all('task')) {
      for (const awaited of record.awaitedTaskIds) {
        const other = this.#cell.find('task', awaited)?.record;
        if (other === undefined || !isTaskLive(record) || !isTaskLive(other)) continue;
        expect(other.agentId, `where ${awaited} is, for which ${id} waits`).toBe(record.agentId);
        expect(other.stop, `the order to ${awaited}, for which ${id} waits`).toBeDefined();
      }
    }
    this.#waitingTasksStandInLine();
  }

  /** Of two tasks of an agent that wait, one waits for all that the other one waits for. */
  #waitingTasksStandInLine(): void {
    const byAgent = new Map<string, ReadonlySet<string>[]>();
    for (const { record } of this.#cell.all('task')) {
      if (!isTaskLive(record) || record.awaitedTaskIds.length === 0) continue;
      const live = record.awaitedTaskIds.filter((id) => {
        const other = this.#cell.find('task', id)?.record;
        return other !== undefined && isTaskLive(other);
      });
      byAgent.set(record.agentId, [...(byAgent.get(record.agentId) ?? []), new Set(live)]);
    }
    for (const [agentId, sets] of byAgent) {
      const inLine = sets.toSorted((a, b) => a.size - b.size);
      for (const [index, set] of inLine.slice(1).entries())
        for (const id of inLine[index] ?? []) expect(set, `who is waited for on ${agentId}`).toContain(id);
    }
  }

  /** It also compares the ledger that another master would make from the store. */
  #ledgerIsRight(): void {
    const counted = this.#cell.capacities();
    expect(this.#work.ledger.capacities()).toEqual(counted);
    expect(new AgentLedger(this.#cell).capacities()).toEqual(counted);
  }
}

function checkStatus(before: JobStatusRecord | undefined, after: JobStatusRecord | undefined): void {
  if (before === undefined || after === undefined) return;
  expect(jobState(after), `job ${after.jobId} goes back`).toBeGreaterThanOrEqual(jobState(before));
  if (isTerminal(jobState(before))) expect(after).toEqual(before);
}
