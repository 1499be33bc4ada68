import type { Assignment, Resources, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { killGraceMsOf } from '@berth/shared/model/job/kill-grace';
import { State } from '@berth/shared/model/task/task-state';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { AssignmentChange } from '@berth/store';
import type { Subscription } from 'rxjs';
import { shortfallOf, UsedCapacity } from '../core/admission.js';
import type { ContainerStatus } from '../core/container.js';
import type { HostSettings } from '../core/container-spec.js';
import { holdsCapacity, isFresh, waitsForVictims } from '../core/next-step.js';
import type { Observation, TaskView } from '../core/task-view.js';
import { Semaphore } from '../primitives/semaphore.js';
import type { TimerQueue } from '../primitives/timer-queue.js';
import type { ContainerRuntime, RuntimeEvent, RuntimeInfo } from '../runtime/contract/container-runtime.js';
import { EngineHealth } from './engine-health.js';
import { ImagePulls } from './image-pulls.js';
import { LaunchLimiter } from './launch-limiter.js';
import { PendingVictims } from './pending-victims.js';
import { type RunnerContext, TaskRunner } from './task-runner.js';

interface WorkerOptions {
  readonly host: Omit<HostSettings, 'cpuMillis'>;
  readonly runtime: ContainerRuntime;
  readonly timers: TimerQueue;
  readonly clock: Clock;
  readonly log: Logger;
  /** Returns the agent's capacity from the engine's answer. */
  readonly capacityOf?: (info: RuntimeInfo) => Resources;
  report(report: TaskReport): void;
  /**
   * The launches that the engine gets at one time. Absent: the agent measures the number that the engine can
   * bear.
   */
  readonly launchLimit?: number | undefined;
  onLaunch?(latencyMs: number): void;
  /** The longest grace that a container may ask for. Absent: it cannot ask. */
  readonly maxKillGraceMs?: number;
}

/** The assignments of one agent in the store. */
interface AssignmentSource {
  readAssignments(): Promise<readonly Assignment[]>;
  /** Returns those of the tasks that have run on this agent. */
  findRun(taskIds: readonly string[]): Promise<readonly string[]>;
}

/** The calls of each kind that an engine gets at one time, beside launches. */
const concurrency = { stops: 4, removals: 4, inspections: 8 } as const;
/**
 * An end that was reported this long ago, but still has its assignment, may be lost. It is reported again.
 */
const repeatEndAfterMs = 10_000;

/** The containers and the assignments of one agent. Each task has a runner of its own. */
export class Worker {
  readonly agentId: string;
  readonly launches: LaunchLimiter;
  readonly #options: WorkerOptions;
  readonly #health: EngineHealth;
  readonly #runners = new Map<string, TaskRunner>();
  readonly #victims = new PendingVictims();
  /**
   * For each full read of the assignments under way: the tasks that changed since it began. The read may miss
   * these changes.
   */
  readonly #reads = new Set<Set<string>>();
  /** Until all assignments were read once, no container counts as unassigned. */
  #hasReadAssignments = false;
  readonly #events: Subscription;
  readonly #context: RunnerContext;
  #host: HostSettings;
  /**
   * Unknown until the engine has answered, or if no capacity is configured. Then the agent takes everything.
   */
  #capacity: Resources | undefined;

  constructor(options: WorkerOptions) {
    const { host, runtime, timers, clock, log } = options;
    this.agentId = host.agentId;
    this.#options = options;
    this.launches = new LaunchLimiter({ clock, fixedLimit: options.launchLimit, onLaunch: options.onLaunch });
    this.#health = new EngineHealth(runtime, clock, log);
    this.#host = { ...host, cpuMillis: Number.POSITIVE_INFINITY };
    this.#context = {
      runtime,
      host: () => this.#host,
      timers,
      clock,
      log,
      launches: this.launches,
      stops: new Semaphore(concurrency.stops),
      removals: new Semaphore(concurrency.removals),
      inspections: new Semaphore(concurrency.inspections),
      pulls: new ImagePulls({ runtime, clock }),
      report: (taskId, observation) => this.#report(taskId, observation),
      engineAnswered: () => this.#health.answered(),
      settled: (taskId) => this.#settled(taskId),
      forget: (taskId) => this.#forget(taskId),
    };
    this.#events = runtime.events$.subscribe((event) => this.#onEvent(event));
  }

  /** The reason why the engine does not answer. Undefined while it answers. */
  get outage(): string | undefined {
    return this.#health.outage;
  }

  /** Returns the time since the engine's last answer. */
  silentMs(): number {
    return this.#health.silentMs();
  }

  *views(): Iterable<TaskView> {
    for (const runner of this.#runners.values()) yield runner.view;
  }

  /** Returns the host's resources. Undefined if the engine does not answer; {@link outage} has the reason. */
  async info(): Promise<RuntimeInfo | undefined> {
    const info = await this.#health.attempt(() => this.#options.runtime.info());
    if (info === undefined) return undefined;
    this.#host = { ...this.#host, cpuMillis: info.cpuMillis };
    this.#capacity = this.#options.capacityOf?.(info);
    return info;
  }

  /**
   * Applies all changes before any of them has an effect. So an assignment that comes and goes in one batch
   * leaves nothing.
   */
  applyChanges(changes: readonly AssignmentChange[]): void {
    for (const { taskId, assignment } of changes) {
      for (const changedMeanwhile of this.#reads) changedMeanwhile.add(taskId);
      this.#assign(taskId, assignment);
    }
    for (const { taskId } of changes) this.#drive(this.#runners.get(taskId));
  }

  /**
   * Reads all assignments and compares them with the engine's containers. Fails if a read fails. If the
   * engine does not answer, {@link outage} has the reason.
   */
  async resync({ readAssignments, findRun }: AssignmentSource): Promise<void> {
    // The first time, the containers come before the assignments. So no container is launched that exists
    // already.
    const found = this.#hasReadAssignments ? undefined : await this.#list();
    const changedMeanwhile = new Set<string>();
    this.#reads.add(changedMeanwhile);
    try {
      this.#applyAssignments(await readAssignments(), changedMeanwhile);
    } finally {
      this.#reads.delete(changedMeanwhile);
    }
    await this.#noteEarlierRuns(found ?? [], findRun);
    this.#hasReadAssignments = true;
    if (found !== undefined) this.#applyContainers(found);
    for (const runner of [...this.#runners.values()]) this.#drive(runner);
    if (found === undefined) await this.syncContainers();
  }

  /**
   * A task that ran before this process knew of it, and has no container, must not run a second time under
   * its id. The process may be new. Or the store was set back, and the agent has forgotten the task since.
   */
  async #noteEarlierRuns(
    found: readonly ContainerStatus[],
    findRun: AssignmentSource['findRun'],
  ): Promise<void> {
    const known = new Set(found.map(({ taskId }) => taskId));
    const isNew = (taskId: string, { view }: TaskRunner) =>
      this.#hasReadAssignments ? isFresh(view) : !known.has(taskId);
    const taskIds = [...this.#runners].flatMap(([id, runner]) => (isNew(id, runner) ? [id] : []));
    const ran = taskIds.length === 0 ? [] : await findRun(taskIds);
    for (const taskId of ran) this.#runners.get(taskId)?.note({ is: 'ranBefore' });
  }

  /** Lists all containers. If the engine does not answer, the next list makes up for it. */
  async syncContainers(): Promise<void> {
    const containers = await this.#list();
    if (containers !== undefined) this.#applyContainers(containers);
  }

  /** Finds out if the engine answers, unless a probe is under way. */
  probe(): void {
    this.#health.probe();
  }

  /** The store has lost data. So every task is reported again. */
  repeatAllReports(): void {
    for (const runner of this.#runners.values()) runner.dispatch({ is: 'reportsMayBeLost', all: true });
  }

  /** Containers stay as they are. */
  close(): void {
    this.#events.unsubscribe();
    for (const runner of this.#runners.values()) runner.close();
  }

  #list(): Promise<readonly ContainerStatus[] | undefined> {
    return this.#health.attempt(() => this.#options.runtime.list());
  }

  #applyAssignments(assignments: readonly Assignment[], changedMeanwhile: ReadonlySet<string>): void {
    const assigned = new Set(assignments.map(({ taskId }) => taskId));
    for (const assignment of assignments) {
      if (!changedMeanwhile.has(assignment.taskId)) this.#assign(assignment.taskId, assignment);
    }
    const longAgoMs = this.#options.clock.nowMs() - repeatEndAfterMs;
    for (const [taskId, runner] of this.#runners) {
      if (!assigned.has(taskId) && !changedMeanwhile.has(taskId))
        runner.note({ is: 'assigned', assignment: undefined });
      const { assignment, progress } = runner.view;
      const mayBeLost = assignment !== undefined && (progress.endReportedAtMs ?? Infinity) <= longAgoMs;
      if (mayBeLost) runner.note({ is: 'reportsMayBeLost', all: false });
    }
  }

  /**
   * Takes the task's steps, unless the agent refuses it: the master's view of the agent may be old. For a
   * preemptor the capacity is checked only once its victims are gone.
   */
  #drive(runner: TaskRunner | undefined): void {
    if (runner === undefined) return;
    if (waitsForVictims(runner.view)) this.#waitForVictims(runner);
    const { assignment } = runner.view;
    const mayBegin = !waitsForVictims(runner.view);
    if (mayBegin && this.#capacity !== undefined && assignment !== undefined && isFresh(runner.view)) {
      const text = shortfallOf(assignment, this.#usedCapacity(), this.#capacity);
      if (text !== undefined) runner.note({ is: 'refused', text });
    }
    runner.drive();
  }

  /** Waits for the victims of this task. An unknown victim may have a container. So the agent inspects it. */
  #waitForVictims(runner: TaskRunner): void {
    const { taskId, assignment } = runner.view;
    if (assignment === undefined || this.#victims.isWaiting(taskId)) return;
    const awaited = assignment.awaitedTaskIds;
    this.#victims.wait(taskId, awaited);
    for (const id of awaited) {
      const other = this.#runners.get(id);
      if (other === undefined) this.#runnerOf(id).dispatch({ is: 'containerChanged' });
      else if (other.isGone) this.#victimGone(id);
    }
  }

  #settled(taskId: string): void {
    if (this.#victims.isAwaited(taskId) && this.#runners.get(taskId)?.isGone === true)
      this.#victimGone(taskId);
  }

  #victimGone(taskId: string): void {
    for (const id of this.#victims.gone(taskId)) {
      const runner = this.#runners.get(id);
      runner?.note({ is: 'victimsGone' });
      this.#drive(runner);
    }
  }

  #forget(taskId: string): void {
    this.#runners.delete(taskId);
    this.#victims.forget(taskId);
    this.#victimGone(taskId);
  }

  /**
   * Sums the resources up for each new task. An agent may hold hundreds of tasks. So this allocates nothing
   * for each of them but those with ports of their choice.
   */
  #usedCapacity(): UsedCapacity {
    const used = new UsedCapacity(this.#host.network);
    for (const { view } of this.#runners.values())
      if (view.assignment !== undefined && holdsCapacity(view)) used.add(view.assignment);
    return used;
  }

  #assign(taskId: string, assignment: Assignment | undefined): void {
    if (assignment === undefined && !this.#runners.has(taskId)) return;
    this.#runnerOf(taskId).note({ is: 'assigned', assignment: assignment && this.#withGrace(assignment) });
  }

  /** The master has decided on the grace. This host may give a container less than it asks for. */
  #withGrace(assignment: Assignment): Assignment {
    const { killGraceMs: usualMs, container } = assignment;
    const { maxKillGraceMs: maxMs } = this.#options;
    if (maxMs === undefined) return assignment;
    const killGraceMs = killGraceMsOf(container, { usualMs, maxMs: Math.min(usualMs, maxMs) });
    return killGraceMs === usualMs ? assignment : { ...assignment, killGraceMs };
  }

  #applyContainers(containers: readonly ContainerStatus[]): void {
    for (const container of containers) {
      const isKnown = this.#runners.has(container.taskId);
      if (isKnown || this.#hasReadAssignments) {
        this.#runnerOf(container.taskId).dispatch({ is: 'listed', container });
      }
    }
    const found = new Set(containers.map(({ taskId }) => taskId));
    for (const [taskId, runner] of [...this.#runners]) {
      if (runner.view.container !== undefined && !found.has(taskId))
        runner.dispatch({ is: 'containerChanged' });
    }
  }

  #runnerOf(taskId: string): TaskRunner {
    const runner = this.#runners.get(taskId) ?? new TaskRunner(taskId, this.#context);
    this.#runners.set(taskId, runner);
    return runner;
  }

  #onEvent(event: RuntimeEvent): void {
    switch (event.is) {
      case 'changed':
        return this.#runners.get(event.taskId)?.dispatch({ is: 'containerChanged' });
      case 'connected':
        return void this.syncContainers();
      case 'disconnected':
        return this.probe();
    }
  }

  #report(taskId: string, observation: Observation): void {
    const { state, code, text, exitCode, stopped, atMs, context } = observation;
    const { refused = false, results = [], fault = '' } = observation;
    this.#options.report({
      agentId: this.agentId,
      taskId,
      state,
      code,
      text,
      exitCode,
      atMs,
      stopped,
      context,
      results: [...results],
      refused,
      fault,
    });
    const { log } = this.#options;
    if (state === State.FAILED) log.info({ taskId, code, text }, 'task failed');
  }
}
