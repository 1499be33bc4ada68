import { Assignment, type Stop, type TaskReport } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import { isTerminal, stateName } from '@berth/shared/model/task/task-state';
import { systemClock } from '@berth/shared/process/clock';
import { parseConfig } from '@berth/shared/process/config';
import { type Logger, silentLogger } from '@berth/shared/process/logger';
import type { AssignmentFeed, CommitRequest, CommitResult, QueuedReport } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { type AgentHandle, startAgents } from '../agent.js';
import type { AgentStore } from '../cell/agent-store.js';
import { type AgentConfig, agentConfigSchema } from '../config.js';
import type { ContainerRuntime } from '../runtime/contract/container-runtime.js';
import { SimulatedEngines } from '../runtime/simulated/simulated-engines.js';
import { waitFor } from './wait-for.js';

/** Short intervals. So periodic work happens several times within a test. */
const quickEnv = {
  BERTH_AGENT_ID: 'a',
  BERTH_AGENT_RUNTIME: 'simulated',
  BERTH_AGENT_HTTP: '127.0.0.1:0',
  BERTH_AGENT_GRPC: '127.0.0.1:0',
  BERTH_AGENT_HEARTBEAT: '20ms',
  BERTH_AGENT_RESYNC: '50ms',
  BERTH_AGENT_SAMPLE_INTERVAL: '20ms',
  BERTH_AGENT_NETWORK: 'none',
};

export function testConfig(env: Readonly<Record<string, string>> = {}): AgentConfig {
  return parseConfig(agentConfigSchema, { ...quickEnv, ...env });
}

/** The agents' side of a cell. The store is in memory, and the test is the master. */
export class AgentTestCell {
  readonly store = new MemoryStore();
  /** The engines' clock is ahead of the system's by this time. */
  engineAheadMs = 0;
  readonly engines = new SimulatedEngines({
    ...systemClock,
    nowMs: () => systemClock.nowMs() + this.engineAheadMs,
  });
  /** While true, the store does not answer the agents. */
  isRedisAway = false;
  /** Is called for each call that fails for that reason. */
  onRefusal: (call: string) => void = () => {};
  /** The texts of all errors in the agents' logs. */
  readonly errors: string[] = [];
  /** The texts of all warnings in the agents' logs. */
  readonly warnings: string[] = [];
  readonly #handles: AgentHandle[] = [];
  readonly #reports: QueuedReport[] = [];
  #reads = 0;

  constructor() {
    void this.store.establishCellId('cell-a');
  }

  get engine() {
    return this.engines.engineOf('a');
  }

  async startAgent(
    env: Readonly<Record<string, string>> = {},
    runtime?: ContainerRuntime,
  ): Promise<AgentHandle> {
    const config = testConfig(env);
    const own = runtime ?? this.engines.engineOf(config.BERTH_AGENT_ID);
    const engines = { engineOf: () => own };
    const log = this.#log();
    const handle = await startAgents({ config, store: this.#agentStore(), engines, log });
    this.#handles.push(handle);
    return handle;
  }

  #log(): Logger {
    const warn = (...words: readonly unknown[]) => this.warnings.push(String(words.at(-1)));
    const error = (...words: readonly unknown[]) => this.errors.push(String(words.at(-1)));
    return Object.assign(Object.create(silentLogger) as Logger, { warn, error });
  }

  async startFleet(count: number, env: Readonly<Record<string, string>> = {}): Promise<AgentHandle> {
    const shared = { config: testConfig(env), store: this.#agentStore(), log: silentLogger };
    const handle = await startAgents({ ...shared, count, engines: this.engines });
    this.#handles.push(handle);
    return handle;
  }

  /**
   * Resolves once the agents have compared all their assignments with their containers that many more times.
   */
  async resyncs(count = 3): Promise<void> {
    const until = this.#reads + count;
    await waitFor(() => this.#reads >= until, `the agents compare everything ${count} times`);
  }

  async close(): Promise<void> {
    this.isRedisAway = false;
    await Promise.all(this.#handles.map((handle) => handle.close()));
    this.engines.close();
    await this.store.close();
  }

  /** Assigns a task to the agent. Its container has that environment. */
  async assign(
    taskId: string,
    env: Record<string, string> = {},
    changes: AssignmentChanges = {},
  ): Promise<void> {
    const { agentId = 'a', stop, network = '', ports = '', sampled = false, parameters = {} } = changes;
    const { awaitedTaskIds = [], killGraceMs = 60 } = changes;
    const assignment = Assignment.fromPartial({
      taskId,
      jobId: taskId.split('.')[0] ?? '',
      container: {
        image: { name: 'app:1' },
        env,
        parameters: { ...parameters, network },
        resources: { ports },
      },
      resources: { cpuMillis: 100, memoryMb: 64 },
      killGraceMs,
      sampled,
      awaitedTaskIds: [...awaitedTaskIds],
      ...(stop === undefined ? {} : { stop }),
    });
    await this.commit({ actor: 'master', writes: [], assignments: [{ agentId, taskId, assignment }] });
  }

  async stop(taskId: string, env: Record<string, string> = {}): Promise<void> {
    await this.assign(taskId, env, { stop: { code: 'killed', text: '', atMs: systemClock.nowMs() } });
  }

  async unassign(taskId: string, agentId = 'a'): Promise<void> {
    await this.commit({ actor: 'master', writes: [], assignments: [{ agentId, taskId }] });
  }

  /** Returns all reports so far. */
  async reports(): Promise<readonly TaskReport[]> {
    const inbox = this.store.openReportInbox();
    const changes = await inbox.readReports(this.#reports.at(-1)?.streamId ?? '0', 10_000, 0);
    await inbox.close();
    this.#reports.push(...changes);
    return this.#reports.map(({ report }) => report);
  }

  async reportsOf(taskId: string): Promise<readonly TaskReport[]> {
    return (await this.reports()).filter((report) => report.taskId === taskId);
  }

  async statesOf(taskId: string): Promise<readonly string[]> {
    return (await this.reportsOf(taskId)).map(({ state }) => stateName(state));
  }

  reaches(taskId: string, state: string): Promise<true> {
    return waitFor(async () => (await this.statesOf(taskId)).includes(state), `${taskId} is ${state}`);
  }

  endOf(taskId: string): Promise<TaskReport> {
    const find = async () => (await this.reportsOf(taskId)).find(({ state }) => isTerminal(state));
    return waitFor(find, `${taskId} has ended`);
  }

  async containersOf(agentId = 'a'): Promise<readonly string[]> {
    return (await this.engines.engineOf(agentId).list()).map(({ taskId, state }) => `${taskId} ${state}`);
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    const result = await this.store.commit(request);
    if (!result.ok) throw new Error(`the commit failed: ${result.reason}`);
    return result;
  }

  #agentStore(): AgentStore {
    const { store } = this;
    const guard = async (call = '') => {
      if (!this.isRedisAway) return;
      this.onRefusal(call);
      throw new BerthError('unavailable', 'connection refused');
    };
    return {
      commit: (request) => guard('commit').then(() => store.commit(request)),
      publish: (reports) => guard().then(() => store.publish(reports)),
      publishSamples: (batch) => guard().then(() => store.publishSamples(batch)),
      recordHeartbeats: (ids) => guard().then(() => store.recordHeartbeats(ids)),
      findSilent: (silentMs) => store.findSilent(silentMs),
      findAlive: (ids, withinMs) => store.findAlive(ids, withinMs),
      continuesFrom: (point) => store.continuesFrom(point),
      findCellId: () => store.findCellId(),
      openLogReader: () => store.openLogReader(),
      openAssignmentFeed: (name) => {
        const feed = guardedFeed(store.openAssignmentFeed(name), guard);
        const readAssignments: AssignmentFeed['readAssignments'] = async (agentId) => {
          const assignments = await feed.readAssignments(agentId);
          this.#reads += 1;
          return assignments;
        };
        return { ...feed, readAssignments };
      },
    };
  }
}

interface AssignmentChanges {
  readonly agentId?: string;
  readonly stop?: Stop;
  readonly network?: string;
  readonly ports?: string;
  readonly sampled?: boolean;
  readonly killGraceMs?: number;
  /** The victims of the task. */
  readonly awaitedTaskIds?: readonly string[];
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Changes that come while the store is away are lost, as with a lost connection. */
function guardedFeed(feed: AssignmentFeed, guard: () => Promise<void>): AssignmentFeed {
  return {
    readAssignments: (agentId) => guard().then(() => feed.readAssignments(agentId)),
    readChanges: async (blockMs) => {
      await guard();
      const changes = await feed.readChanges(Math.min(blockMs, 20));
      await guard();
      return changes;
    },
    findRun: (agentId, taskIds) => guard().then(() => feed.findRun(agentId, taskIds)),
    close: () => feed.close(),
  };
}
