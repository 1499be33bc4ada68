import type { MetricsEndpoint } from '@berth/shared/model/task/task-metrics';
import type { Clock } from '@berth/shared/process/clock';
import { defer, type Observable, Subject, startWith } from 'rxjs';
import type { ContainerStatus } from '../../core/container.js';
import { type ContainerSpec, hasAddress } from '../../core/container-spec.js';
import { labelNames } from '../../core/labels.js';
import { type FileHead, maxResultBytes } from '../../core/results.js';
import type { ContainerUsage } from '../../core/usage.js';
import type { TimerQueue } from '../../primitives/timer-queue.js';
import {
  type ContainerRuntime,
  RuntimeError,
  type RuntimeEvent,
  type RuntimeInfo,
} from '../contract/container-runtime.js';
import { loadAt, noCounters, type SimLoad, steadyLoad } from './core/load.js';
import { simScript } from './core/script.js';
import { countersAt, hostPorts, noSuchContainer, type SimContainer, usageOf } from './sim-container.js';

const signalBase = 128;
const sigKill = 9;
const sigTerm = 15;

/** One simulated engine. */
export class SimulatedRuntime implements ContainerRuntime {
  readonly name = 'simulated';
  readonly title = 'the simulated engine';
  readonly events$: Observable<RuntimeEvent>;
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #info: RuntimeInfo;
  readonly #events = new Subject<RuntimeEvent>();
  readonly #containers = new Map<string, SimContainer>();
  readonly #missingImages = new Map<string, number>();
  #isDown = false;
  #created = 0;

  constructor(clock: Clock, timers: TimerQueue, info: RuntimeInfo) {
    this.#clock = clock;
    this.#timers = timers;
    this.#info = info;
    this.events$ = defer(() =>
      this.#isDown ? this.#events : this.#events.pipe(startWith({ is: 'connected' } as const)),
    );
  }

  /** Makes the engine silent: its containers live on, but it answers no call and sends no event. */
  goDown(): void {
    this.#isDown = true;
    this.#events.next({ is: 'disconnected', why: 'the simulated engine is down' });
  }

  comeBack(): void {
    this.#isDown = false;
    this.#events.next({ is: 'connected' });
  }

  /** The number of containers that run, even while the engine is silent. */
  get running(): number {
    return [...this.#containers.values()].filter(({ status }) => status.state === 'running').length;
  }

  async info(): Promise<RuntimeInfo> {
    this.#answer();
    return this.#info;
  }

  async ping(): Promise<void> {
    this.#answer();
  }

  async list(): Promise<readonly ContainerStatus[]> {
    this.#answer();
    return [...this.#containers.values()].map(({ spec, status: { taskId, state, ip, hostPorts } }) => ({
      taskId,
      state,
      ...ownerOf(spec),
      ...(ip === undefined ? {} : { ip }),
      ...(hostPorts === undefined ? {} : { hostPorts }),
    }));
  }

  async inspect(taskId: string): Promise<ContainerStatus | undefined> {
    this.#answer();
    return this.#containers.get(taskId)?.status;
  }

  /** Every image exists, except for containers whose script asks for a missing one. */
  async ensureImage(reference: string): Promise<string> {
    this.#answer();
    const missing = this.#missingImages.get(reference) ?? 0;
    if (missing === 0) return reference;
    this.#missingImages.set(reference, missing - 1);
    throw new RuntimeError('notFound', `there is no image ${reference}`);
  }

  async create(spec: ContainerSpec): Promise<{ readonly adopted: boolean }> {
    this.#answer();
    if (this.#containers.has(spec.name)) return { adopted: true };
    const script = simScript(spec.env);
    if (script.fail === 'pull') {
      this.#missingImages.set(spec.image, (this.#missingImages.get(spec.image) ?? 0) + 1);
      throw new RuntimeError('notFound', `no such image: ${spec.image}`);
    }
    if (script.fail === 'create')
      throw new RuntimeError('invalid', 'the simulated engine refuses these settings');
    if (script.fail === 'host') throw new RuntimeError('failed', 'the simulated host is broken');
    this.#containers.set(spec.name, {
      spec,
      script,
      status: { taskId: spec.name, state: 'created' },
      use: { sinceMs: 0, counters: noCounters, load: script.load },
    });
    return { adopted: false };
  }

  async start(taskId: string): Promise<void> {
    const container = this.#find(taskId);
    const { startDelayMs, fail } = container.script;
    if (container.status.state === 'running') return;
    if (startDelayMs > 0) await this.#sleep(startDelayMs);
    this.#answer();
    if (this.#containers.get(taskId) !== container) throw noSuchContainer(taskId);
    if (fail === 'start') {
      const startError = 'exec: "simulated": executable file not found in $PATH';
      container.status = { ...container.status, exitCode: 127, startError };
      throw new RuntimeError('invalid', startError);
    }
    this.#run(container);
  }

  async stop(taskId: string): Promise<void> {
    const container = this.#running(taskId);
    const { ignoresTerm, stopDelayMs } = container.script;
    if (!ignoresTerm) this.#endIn(container, stopDelayMs, signalBase + sigTerm);
  }

  async kill(taskId: string): Promise<void> {
    this.#end(this.#running(taskId), signalBase + sigKill);
  }

  async readResults(taskId: string): Promise<FileHead | undefined> {
    const { spec, script, status } = this.#find(taskId);
    if (spec.hasResults !== true) return undefined;
    const bytes = Buffer.from(status.state === 'created' ? '' : script.results);
    return { bytes: bytes.subarray(0, maxResultBytes), size: bytes.length };
  }

  async remove(taskId: string): Promise<void> {
    this.#answer();
    if (this.#containers.get(taskId)?.status.state === 'running') {
      throw new RuntimeError('conflict', `container ${taskId} is running`);
    }
    if (this.#containers.delete(taskId)) this.#emitChange(taskId);
  }

  async sample(taskIds: readonly string[]): Promise<readonly ContainerUsage[]> {
    this.#answer();
    const nowMs = this.#clock.nowMs();
    return taskIds.flatMap((taskId) => {
      const container = this.#containers.get(taskId);
      return container?.status.state === 'running' ? [usageOf(container, nowMs)] : [];
    });
  }

  async readMetrics(taskId: string, { port, path }: MetricsEndpoint): Promise<string> {
    this.#answer();
    const container = this.#containers.get(taskId);
    if (container?.status.state !== 'running')
      throw new RuntimeError('notFound', `container ${taskId} does not run`);
    const { metricsPage } = container.script;
    if (metricsPage === undefined) throw new RuntimeError('failed', `nothing answers at :${port}${path}`);
    return metricsPage;
  }

  /** Changes the load of a running container from now on. Absent parts stay as they are. */
  setLoad(taskId: string, load: Readonly<Partial<Record<keyof SimLoad, number>>>): void {
    const container = this.#containers.get(taskId);
    if (container?.status.state !== 'running') throw noSuchContainer(taskId);
    const nowMs = this.#clock.nowMs();
    const now = (name: keyof SimLoad) =>
      steadyLoad(load[name] ?? loadAt(container.use.load[name], nowMs - container.use.sinceMs));
    container.use = {
      sinceMs: nowMs,
      counters: countersAt(container, nowMs),
      load: {
        cpuMillis: now('cpuMillis'),
        memoryMb: now('memoryMb'),
        networkInMbps: now('networkInMbps'),
        networkOutMbps: now('networkOutMbps'),
      },
    };
  }

  /** Returns the environment of the container. Undefined if there is no such container. */
  environmentOf(taskId: string): Readonly<Record<string, string>> | undefined {
    return this.#containers.get(taskId)?.spec.env;
  }

  /** Ends a running container as if by itself. */
  finish(taskId: string, exitCode = 0): void {
    this.#end(this.#running(taskId), exitCode);
  }

  /** An engine outlives the agent that used it. */
  async close(): Promise<void> {}

  #answer(): void {
    if (this.#isDown) throw new RuntimeError('unavailable', 'the simulated engine is down');
  }

  #find(taskId: string): SimContainer {
    this.#answer();
    const container = this.#containers.get(taskId);
    if (container === undefined) throw noSuchContainer(taskId);
    return container;
  }

  #running(taskId: string): SimContainer {
    const container = this.#find(taskId);
    if (container.status.state === 'running') return container;
    throw new RuntimeError('conflict', `container ${taskId} is not running`);
  }

  #run(container: SimContainer): void {
    const { spec, script } = container;
    const { taskId } = container.status;
    const number = this.#created++;
    const nowMs = this.#clock.nowMs();
    container.use = { ...container.use, sinceMs: nowMs };
    container.status = {
      taskId,
      state: 'running',
      startedAtMs: nowMs,
      ...(spec.network === 'bridge' ? { ip: `172.17.${(number >> 8) & 255}.${number & 255}` } : {}),
      ...(hasAddress(spec) && spec.ports.length > 0 ? { hostPorts: hostPorts(spec, number) } : {}),
    };
    const isOom = script.fail === 'oom';
    if (isOom) this.#endIn(container, script.runMs ?? 0, signalBase + sigKill, true);
    else if (script.runMs !== undefined) this.#endIn(container, script.runMs, script.exitCode);
  }

  #endIn(container: SimContainer, delayMs: number, exitCode: number, oomKilled = false): void {
    container.end?.();
    container.end = this.#timers.at(this.#clock.nowMs() + delayMs, () =>
      this.#end(container, exitCode, oomKilled),
    );
  }

  #end(container: SimContainer, exitCode: number, oomKilled = false): void {
    container.end?.();
    const { taskId, startedAtMs = 0 } = container.status;
    const finishedAtMs = this.#clock.nowMs();
    container.status = { taskId, state: 'exited', startedAtMs, finishedAtMs, exitCode, oomKilled };
    this.#emitChange(taskId);
  }

  #emitChange(taskId: string): void {
    if (!this.#isDown) this.#events.next({ is: 'changed', taskId });
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#timers.at(this.#clock.nowMs() + ms, resolve));
  }
}

function ownerOf({ labels }: ContainerSpec): { readonly cellId?: string } {
  const cellId = labels[labelNames.cellId];
  return cellId === undefined ? {} : { cellId };
}
