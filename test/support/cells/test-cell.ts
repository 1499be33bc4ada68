import { type AgentHandle, startAgents } from '@berth/agent/agent';
import { agentConfigSchema } from '@berth/agent/config';
import type { ContainerStatus } from '@berth/agent/container';
import type { RuntimeInfo } from '@berth/agent/runtime';
import { SimulatedEngines } from '@berth/agent/runtime/simulated';
import { gatewayConfigSchema } from '@berth/api/config';
import { type Gateway, startGateway } from '@berth/api/gateway';
import { masterConfigSchema } from '@berth/master/config';
import { type Master, startMaster } from '@berth/master/master';
import type { Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { systemClock } from '@berth/shared/process/clock';
import { parseConfig } from '@berth/shared/process/config';
import { type CellStore, openStore } from '@berth/store';
import { cellKeys } from '@berth/store/testing/redis';
import { expect } from 'vitest';
import { TitusCaller } from '../callers/titus-caller.js';
import { startTestRedis, type TestRedis } from '../process/redis.js';
import { waitFor } from '../process/wait-for.js';
import { type LogLine, recordingLogger } from './recording-logger.js';

export interface TestCellOptions {
  /** The default is 1. */
  readonly masters?: number;
  /** The default is 1. */
  readonly gateways?: number;
  /** Simulated agents; the default is 2. */
  readonly agents?: number;
  readonly masterEnv?: Readonly<Record<string, string>>;
  readonly agentEnv?: Readonly<Record<string, string>>;
  readonly gatewayEnv?: Readonly<Record<string, string>>;
  /** The host of each agent. */
  readonly host?: Partial<RuntimeInfo>;
  /** The number of kept entries of the change log. */
  readonly logLength?: number;
  /** The maximum time that a commit waits for Redis. */
  readonly commitTimeoutMs?: number;
  /** Wraps the store of a gateway. */
  readonly gatewayStore?: (store: CellStore, gateway: number) => CellStore;
}

interface Running<T> {
  readonly service: T;
  readonly store: CellStore;
}

const anyPort = '127.0.0.1:0';
const cell = 'test';
/** Errors in a log are faults of Berth itself. Faults of its surroundings are warnings. */
const errorLevel = 50;

/** Short waits, for settings that only mean patience. */
const quickMaster = { BERTH_MASTER_MIN_BACKOFF: '50ms', BERTH_MASTER_MAX_BACKOFF: '200ms' };

/**
 * A whole cell in this process, over a real Redis and real gRPC. The containers are simulated. Each service
 * has a store of its own.
 */
export class TestCell {
  readonly redis: TestRedis;
  readonly engines: SimulatedEngines;
  readonly lines: readonly LogLine[];
  readonly #options: TestCellOptions;
  readonly #log = recordingLogger();
  readonly #masters: Running<Master>[] = [];
  readonly #gateways: Running<Gateway>[] = [];
  readonly #callers: TitusCaller[] = [];
  #agents: Running<AgentHandle> | undefined;
  #agentIds: readonly string[] = [];

  /** Resolves when a master leads, all gateways serve and all agents are registered. */
  static async start(options: TestCellOptions = {}): Promise<TestCell> {
    const cell = new TestCell(await startTestRedis(), options);
    try {
      await cell.#startAll();
      return cell;
    } catch (error) {
      await cell.close();
      throw error;
    }
  }

  private constructor(redis: TestRedis, options: TestCellOptions) {
    this.redis = redis;
    this.#options = options;
    this.engines = new SimulatedEngines(systemClock, options.host);
    this.lines = this.#log.lines;
  }

  /** Returns a caller of that gateway. The cell closes it. */
  caller(gateway = 0, headers?: Readonly<Record<string, string>>): TitusCaller {
    const caller = new TitusCaller(this.address(gateway), headers);
    this.#callers.push(caller);
    return caller;
  }

  address(gateway = 0): string {
    const running = this.#gateways[gateway];
    if (running === undefined) throw new Error(`the cell has no gateway ${gateway}`);
    return `127.0.0.1:${running.service.grpcPort}`;
  }

  /** The gateway's address for clients of job.v1. */
  jobv1Address(gateway = 0): string {
    const running = this.#gateways[gateway];
    if (running === undefined) throw new Error(`the cell has no gateway ${gateway}`);
    return `127.0.0.1:${running.service.jobv1Port}`;
  }

  get agentIds(): readonly string[] {
    return this.#agentIds;
  }

  get masters(): readonly Master[] {
    return this.#masters.map(({ service }) => service);
  }

  /** Returns the gateway's metrics for Prometheus. */
  async metrics(gateway = 0): Promise<string> {
    const port = this.#gateways[gateway]?.service.httpPort;
    return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  }

  /** Returns the gateway's answer to a health check. */
  async health(gateway = 0): Promise<{ readonly status: number; readonly text: string }> {
    const port = this.#gateways[gateway]?.service.httpPort;
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
    return { status: answer.status, text: await answer.text() };
  }

  /** True if exactly this number of containers have ended and still exist. */
  async hasExited(count: number): Promise<boolean> {
    return (await this.#containers()).filter(({ state }) => state === 'exited').length === count;
  }

  /** Ends the container of a running task now. */
  finish({ id, taskContext }: Task, exitCode = 0): void {
    this.engines.engineOf(taskContext['agent.id'] ?? '').finish(id, exitCode);
  }

  /** Returns the number of containers in the engines of all agents, running or not. */
  async containers(): Promise<number> {
    return (await this.#containers()).length;
  }

  /** Returns the revision of the oldest entry in the change log. */
  async firstLogged(): Promise<number> {
    const reply = await this.redis.command('XRANGE', cellKeys(cell).log, '-', '+', 'COUNT', '1');
    return Number(/\b(\d+)-\d+\r/.exec(reply)?.[1]);
  }

  /** True if Redis holds the entity, given as `KIND/ID`. */
  async stored(field: string): Promise<boolean> {
    return (await this.redis.command('HEXISTS', cellKeys(cell).entities, field)).startsWith(':1');
  }

  async startMaster(): Promise<Master> {
    const env = { ...quickMaster, ...this.#options.masterEnv, BERTH_MASTER_HTTP: anyPort };
    const config = parseConfig(masterConfigSchema, env);
    const store = await this.#store();
    const service = await startMaster({ config, store, log: this.#log.logger });
    this.#masters.push({ service, store });
    return service;
  }

  async startGateway(): Promise<void> {
    const ports = { BERTH_API_GRPC: anyPort, BERTH_API_JOBV1: anyPort, BERTH_API_HTTP: anyPort };
    const env = { ...ports, ...this.#options.gatewayEnv };
    const store = await this.#store();
    const used = this.#options.gatewayStore?.(store, this.#gateways.length) ?? store;
    const config = parseConfig(gatewayConfigSchema, env);
    const service = await startGateway({ config, store: used, log: this.#log.logger });
    this.#gateways.push({ service, store });
  }

  async stopGateway(index: number): Promise<void> {
    const [gateway] = this.#gateways.splice(index, 1);
    await closeService(gateway);
  }

  /** Resolves when all agents are registered. Their engines live as long as the cell. */
  async startAgents(extraEnv: Readonly<Record<string, string>> = {}): Promise<void> {
    const { agents: count = 2, agentEnv } = this.#options;
    const env = {
      BERTH_AGENT_ID: 'agent',
      BERTH_AGENT_RUNTIME: 'simulated',
      BERTH_AGENT_HTTP: anyPort,
      BERTH_AGENT_GRPC: anyPort,
      ...agentEnv,
      ...extraEnv,
    };
    const config = parseConfig(agentConfigSchema, env);
    const store = await this.#store();
    const { engines } = this;
    const service = await startAgents({ config, store, count, engines, log: this.#log.logger });
    this.#agents = { service, store };
    this.#agentIds = service.agentIds;
    await service.ready;
  }

  /** Ends the agents' process; their containers live on. */
  async stopAgents(): Promise<void> {
    const agents = this.#agents;
    this.#agents = undefined;
    await closeService(agents);
  }

  /** Ends the leading master like a shutdown. Any other master may lead next. */
  async stopMaster(): Promise<void> {
    const index = this.masters.findIndex((master) => master.isLeading());
    const [leader] = this.#masters.splice(index, 1);
    await closeService(leader);
  }

  /** Ends the leading master like a shutdown. Resolves when another one leads. */
  async changeLeader(): Promise<void> {
    await this.stopMaster();
    await this.#someoneLeads();
  }

  /** Returns the errors in the logs of the services. */
  errors(): readonly string[] {
    return this.lines.filter(({ level }) => level >= errorLevel).map((line) => JSON.stringify(line));
  }

  async close(): Promise<void> {
    for (const caller of this.#callers) caller.close();
    await this.stopAgents();
    await Promise.all([...this.#gateways, ...this.#masters].map(closeService));
    this.engines.close();
    await this.redis.stop();
  }

  async #containers(): Promise<readonly ContainerStatus[]> {
    const lists = await Promise.all(this.agentIds.map((id) => this.engines.engineOf(id).list()));
    return lists.flat();
  }

  async #startAll(): Promise<void> {
    const { masters = 1, gateways = 1 } = this.#options;
    for (let count = 0; count < masters; count += 1) await this.startMaster();
    for (let count = 0; count < gateways; count += 1) await this.startGateway();
    await this.startAgents();
    await this.#someoneLeads();
  }

  async #someoneLeads(): Promise<void> {
    const leads = () => this.masters.some((master) => master.isLeading());
    await waitFor(leads, { what: 'a master leads' });
  }

  #store(): Promise<CellStore> {
    const { logLength, commitTimeoutMs } = this.#options;
    return openStore({
      url: this.redis.url,
      cell,
      log: this.#log.logger,
      ...(logLength === undefined ? {} : { logLength }),
      ...(commitTimeoutMs === undefined ? {} : { commitTimeoutMs }),
    });
  }
}

/** Closes the cell, if it ever started, and expects no errors in the logs of its services. */
export async function closeCleanly(cell: TestCell | undefined): Promise<void> {
  if (cell === undefined) return;
  await cell.close();
  expect(cell.errors()).toEqual([]);
}

async function closeService(running: Running<{ close(): Promise<void> }> | undefined): Promise<void> {
  await running?.service.close();
  await running?.store.close();
}
