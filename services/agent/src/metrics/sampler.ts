import { TaskSample } from '@berth/shared/gen/berth/v1/store';
import { metricsEndpoint } from '@berth/shared/model/task/task-metrics';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Random } from '@berth/shared/process/random';
import type { SampleOutbox } from '@berth/store';
import type { TaskView } from '../core/task-view.js';
import { type ContainerUsage, type Metrics, type RequestedResources, usageMetrics } from '../core/usage.js';
import type { ContainerRuntime } from '../runtime/contract/container-runtime.js';
import type { SamplerMetrics } from './agent-metrics.js';
import { OwnMetricsReader } from './own-metrics-reader.js';
import { SampleSender } from './sample-sender.js';

/** The sampler's view of an agent. */
interface SampledAgent {
  readonly agentId: string;
  readonly runtime: Pick<ContainerRuntime, 'sample' | 'readMetrics'>;
  views(): Iterable<TaskView>;
}

interface SamplerOptions {
  readonly agents: readonly SampledAgent[];
  readonly outbox: SampleOutbox;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly intervalMs: number;
  readonly metrics: SamplerMetrics;
}

/** The time that a round under way has to end when the sampler closes. */
const closeLimitMs = 500;
const nothingRequested: RequestedResources = { cpuMillis: 0, memoryMb: 0, networkMbps: 0 };

/**
 * Measures every few seconds the tasks that a scaling policy needs, and publishes the results. An agent
 * without such tasks asks its engine nothing. If a round takes longer than the interval, the next ones are
 * skipped.
 */
export class Sampler {
  readonly #options: SamplerOptions;
  readonly #sender: SampleSender;
  /** The last measurement of each task, by agent. */
  readonly #lastUsage = new Map<string, ReadonlyMap<string, ContainerUsage>>();
  readonly #own: ReadonlyMap<string, OwnMetricsReader>;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: SamplerOptions) {
    const { agents, outbox, log, metrics, clock, random } = options;
    this.#options = options;
    this.#sender = new SampleSender({ outbox, log, onSamples: metrics.onSamples });
    const own = (runtime: SampledAgent['runtime']) =>
      new OwnMetricsReader({ runtime, clock, random, log, onPage: metrics.onPage });
    this.#own = new Map(agents.map(({ agentId, runtime }) => [agentId, own(runtime)]));
    this.#running = this.#run();
  }

  /** Does not wait for a round that an engine or a task delays. */
  async close(): Promise<void> {
    this.#closing.abort();
    const limit = new AbortController();
    await Promise.race([this.#running, this.#options.clock.sleep(closeLimitMs, limit.signal)]);
    limit.abort();
  }

  async #run(): Promise<void> {
    const { clock, random, intervalMs } = this.#options;
    const { signal } = this.#closing;
    // Agents that were started together do not all publish at the same moment.
    let dueMs = clock.nowMs() + random.fraction() * intervalMs;
    while (!signal.aborted) {
      await clock.sleep(Math.max(0, dueMs - clock.nowMs()), signal);
      if (signal.aborted) return;
      await this.#round();
      const missed = Math.max(0, Math.floor((clock.nowMs() - dueMs) / intervalMs));
      // A clock that was put back must not stop the sampler until the old time returns.
      dueMs = Math.min(dueMs + (missed + 1) * intervalMs, clock.nowMs() + intervalMs);
    }
  }

  async #round(): Promise<void> {
    const { agents, clock, metrics } = this.#options;
    const beganAtMs = clock.nowMs();
    let count = 0;
    for (const agent of agents) {
      if (this.#closing.signal.aborted) return;
      const tasks = sampledTasks(agent);
      count += tasks.length;
      if (tasks.length > 0) await this.#sample(agent, tasks);
      else this.#forget(agent);
    }
    metrics.onRound(count, clock.nowMs() - beganAtMs);
  }

  async #sample(agent: SampledAgent, tasks: readonly TaskView[]): Promise<void> {
    const { agentId } = agent;
    const before = this.#lastUsage.get(agentId);
    const [now, own] = await Promise.all([this.#readUsage(agent, tasks), this.#readOwn(agentId, tasks)]);
    this.#lastUsage.set(agentId, now);
    const atMs = this.#options.clock.nowMs();
    const samples = tasks.flatMap((view) => {
      const { taskId } = view;
      const usage = now.get(taskId);
      const measured =
        usage === undefined
          ? {}
          : usageMetrics(before?.get(taskId), usage, view.assignment?.resources ?? nothingRequested);
      // A task's own metrics cannot replace measured ones.
      const values = { ...own.get(taskId), ...measured };
      return Object.keys(values).length === 0 ? [] : [TaskSample.fromPartial({ taskId, atMs, values })];
    });
    await this.#sender.send(agentId, samples);
  }

  #forget({ agentId }: SampledAgent): void {
    if (this.#lastUsage.delete(agentId)) this.#own.get(agentId)?.forgetAll();
  }

  async #readUsage(
    { runtime }: SampledAgent,
    tasks: readonly TaskView[],
  ): Promise<ReadonlyMap<string, ContainerUsage>> {
    // Another part of the agent notices and reports that the engine does not answer.
    const usages = await runtime.sample(tasks.map(({ taskId }) => taskId)).catch(() => []);
    this.#options.metrics.onUnseen(tasks.length - usages.length);
    return new Map(usages.map((usage) => [usage.taskId, usage]));
  }

  async #readOwn(agentId: string, tasks: readonly TaskView[]): Promise<ReadonlyMap<string, Metrics>> {
    const pages = tasks.flatMap(({ taskId, assignment }) => {
      const endpoint = assignment?.container && metricsEndpoint(assignment.container);
      return endpoint === undefined ? [] : [{ taskId, endpoint }];
    });
    return (await this.#own.get(agentId)?.read(pages)) ?? new Map();
  }
}

function sampledTasks(agent: SampledAgent): readonly TaskView[] {
  const tasks: TaskView[] = [];
  for (const view of agent.views()) if (isSampled(view)) tasks.push(view);
  return tasks;
}

function isSampled({ assignment, container, progress }: TaskView): boolean {
  return assignment?.sampled === true && container?.state === 'running' && progress.end === undefined;
}
