import type { AgentRecord, Assignment } from '@berth/shared/gen/berth/v1/store';
import { type BackoffPolicy, backoff } from '@berth/shared/process/backoff';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Random } from '@berth/shared/process/random';
import type { AssignmentChange, AssignmentFeed } from '@berth/store';
import type { Outage } from '../primitives/outage.js';
import type { Worker } from '../tasks/worker.js';
import type { AgentStore } from './agent-store.js';
import { type CellGuard, CellHeldError } from './cell-guard.js';
import type { Owners } from './container-owners.js';
import { Registrar } from './registrar.js';

/** One agent of the session's process. */
export interface Agent {
  readonly worker: Worker;
  /** Returns the cells that own the agent's containers. Undefined while its engine does not answer. */
  owners(): Promise<Owners | undefined>;
  /** Returns the agent's record as it is now. Undefined while its engine does not answer. */
  describe(): Promise<AgentRecord | undefined>;
}

interface SessionOptions {
  readonly agents: readonly Agent[];
  readonly store: AgentStore;
  readonly guard: CellGuard;
  /** The name of the feed with the agents' changed assignments. It stands in their records. */
  readonly feed: string;
  readonly outage: Outage;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly heartbeatMs: number;
  readonly resyncMs: number;
  readonly runtimeSilenceMs: number;
}

/** The time that one read waits for changed assignments. */
const changesBlockMs = 5_000;
/** The number of agents whose assignments are read at one time. */
const readsAtOnce = 32;
/** Many agents are resynchronised in turns. So there is never a rush. */
const turnsPerResync = 30;
/** The time that calls under way have to end when the session closes. */
const closeLimitMs = 2_000;
const retryPolicy: BackoffPolicy = { initialMs: 100, maxMs: 5_000, jitter: 0.5 };

/**
 * Connects all agents of one process with their cell: it registers them, sends their heartbeats and follows
 * their assignments. It tries again everything that fails, until it is closed.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #ids: readonly string[];
  readonly #workers: ReadonlyMap<string, Worker>;
  readonly #registrar: Registrar;
  readonly #closing = new AbortController();
  readonly #feed: AssignmentFeed;
  readonly #running: Promise<void>;
  /** Resolves once all agents are registered and hold their assignments. */
  readonly ready: Promise<void>;
  #isRegistered = false;
  #isReady = false;
  /** True from a hold on, until the agents have compared everything after it. */
  #hasHeld = false;
  /** True if the store has lost data and the tasks are not reported again yet. */
  #mustRepeatAll = false;

  constructor(options: SessionOptions) {
    const { agents, store, feed } = options;
    this.#options = options;
    this.#workers = new Map(agents.map(({ worker }) => [worker.agentId, worker]));
    this.#ids = [...this.#workers.keys()];
    this.#feed = store.openAssignmentFeed(feed);
    this.#registrar = new Registrar(store, options.random);
    const registered = this.#registerFirst();
    this.ready = registered.then(() => this.#readFirst());
    this.#running = this.#run(registered);
  }

  /** The missing step on the way to readiness. Undefined once there is none. */
  get waitingFor(): string | undefined {
    if (!this.#isRegistered) return 'the agent is not registered yet';
    return this.#isReady ? undefined : 'the agent has not read its assignments yet';
  }

  /** Does not wait for calls that a silent store never answers. They have no effect any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#feed.close(), this.#registrar.close()]);
    const limit = new AbortController();
    await Promise.race([this.#running, this.#options.clock.sleep(closeLimitMs, limit.signal)]);
    limit.abort();
  }

  async #run(registered: Promise<void>): Promise<void> {
    await registered;
    const following = this.ready.then(() => Promise.all([this.#followChanges(), this.#resyncInTurns()]));
    await Promise.all([this.#beatOn(), following]);
  }

  async #registerFirst(): Promise<void> {
    const records = await this.#describeAll();
    await this.#untilDone(async () => {
      await this.#options.guard.throwIfUntrusted();
      // The heartbeat comes first: an agent that is registered and sends none counts as lost.
      await this.#options.store.recordHeartbeats(this.#ids);
      await this.#registrar.register(records);
    });
    if (this.#isClosing) return;
    this.#isRegistered = true;
    this.#options.log.info(`registered ${this.#agentNames()}`);
  }

  /** Waits for the engines. */
  async #describeAll(): Promise<readonly AgentRecord[]> {
    const delays = backoff(retryPolicy, this.#options.random);
    while (!this.#isClosing) {
      const records = await this.#describe(this.#options.agents);
      if (records.length === this.#options.agents.length) return records;
      await this.#options.clock.sleep(delays.nextMs(), this.#closing.signal);
    }
    return [];
  }

  async #describe(agents: readonly Agent[]): Promise<readonly AgentRecord[]> {
    const records = await Promise.all(agents.map((agent) => agent.describe()));
    return records.filter((record) => record !== undefined);
  }

  async #readFirst(): Promise<void> {
    // The feed knows its position before this read. So no change falls between the read and the feed.
    await this.#untilDone(() => this.#resync(this.#options.agents));
    this.#isReady = !this.#isClosing;
  }

  #agentNames(): string {
    return this.#ids.length === 1 ? `agent ${this.#ids[0]}` : `${this.#ids.length} agents`;
  }

  async #beatOn(): Promise<void> {
    const { clock, heartbeatMs } = this.#options;
    while (!this.#isClosing) {
      await this.#attempt(() => this.#beat());
      await clock.sleep(heartbeatMs, this.#closing.signal);
    }
  }

  /**
   * An agent whose engine is silent for long cannot keep its tasks. Without its heartbeat, other agents take
   * them over.
   */
  async #beat(): Promise<void> {
    const { agents, store, guard, runtimeSilenceMs } = this.#options;
    for (const { worker } of agents) worker.probe();
    // A heartbeat in another cell’s store would be that of an agent which runs nothing.
    await guard.throwIfUntrusted();
    const answering = agents.filter(({ worker }) => worker.silentMs() <= runtimeSilenceMs);
    if (answering.length > 0) await store.recordHeartbeats(answering.map(({ worker }) => worker.agentId));
  }

  async #followChanges(): Promise<void> {
    while (!this.#isClosing) {
      const isRead = await this.#attempt(() => this.#readChanges());
      if (isRead && !this.#hasHeld) continue;
      // Changes may be lost with the connection.
      await this.#untilDone(() => this.#resync(this.#options.agents));
      this.#afterHold();
    }
  }

  /** The reports that came just before the hold may have gone to the other store. */
  #afterHold(): void {
    if (this.#isClosing || !this.#hasHeld) return;
    this.#hasHeld = false;
    for (const { worker } of this.#options.agents) worker.repeatAllReports();
  }

  async #readChanges(): Promise<void> {
    const { guard } = this.#options;
    const changes = await this.#feed.readChanges(changesBlockMs);
    // Containers bear the id of their cell.
    if (changes.length > 0 && guard.cellId === undefined) await guard.throwIfUntrusted();
    if (guard.held !== undefined) throw new CellHeldError(guard.held);
    for (const [agentId, ofAgent] of byAgent(changes)) this.#workers.get(agentId)?.applyChanges(ofAgent);
  }

  async #resyncInTurns(): Promise<void> {
    const { agents, resyncMs, clock } = this.#options;
    const perTurn = Math.ceil(agents.length / turnsPerResync);
    const turns = Math.ceil(agents.length / perTurn);
    for (let turn = 0; ; turn = (turn + 1) % turns) {
      await clock.sleep(resyncMs / turns, this.#closing.signal);
      if (this.#isClosing) return;
      const inTurn = agents.slice(turn * perTurn, (turn + 1) * perTurn);
      await this.#attempt(async () => {
        await this.#options.guard.throwIfUntrusted();
        await this.#reregister(inTurn);
        await this.#resync(inTurn);
      });
    }
  }

  /** An engine's capacity may have changed, and the store may have lost records. */
  async #reregister(inTurn: readonly Agent[]): Promise<void> {
    if (await this.#registrar.hasStoreLostData()) this.#mustRepeatAll = true;
    const { agents, log } = this.#options;
    await this.#registrar.register(await this.#describe(this.#mustRepeatAll ? agents : inTurn));
    if (!this.#mustRepeatAll) return;
    this.#mustRepeatAll = false;
    log.warn('Redis has lost data: registered again, all tasks are reported again');
    for (const { worker } of agents) worker.repeatAllReports();
  }

  async #resync(agents: readonly Agent[]): Promise<void> {
    const left = [...agents];
    const readNext = async (): Promise<void> => {
      for (let agent = left.pop(); agent !== undefined; agent = left.pop()) {
        const { worker } = agent;
        await worker.resync({
          readAssignments: () => this.#readAssignments(worker.agentId),
          findRun: (taskIds) => this.#feed.findRun(worker.agentId, taskIds),
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(readsAtOnce, agents.length) }, readNext));
  }

  /** An emptied store has no assignments. So the check follows the read. */
  async #readAssignments(agentId: string): Promise<readonly Assignment[]> {
    const assignments = await this.#feed.readAssignments(agentId);
    await this.#options.guard.throwIfUntrusted();
    return assignments;
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Returns true if the call succeeded. Logs a failure. */
  async #attempt(fn: () => Promise<void>): Promise<boolean> {
    const { outage } = this.#options;
    try {
      await fn();
      outage.succeeded();
      return true;
    } catch (error) {
      if (error instanceof CellHeldError) {
        // The guard has logged the reason. The store does answer.
        this.#hasHeld = true;
        outage.succeeded();
      } else if (!this.#isClosing) outage.failed(error);
      return false;
    }
  }

  /** Calls `fn` until it succeeds, or until the session is closed. */
  async #untilDone(fn: () => Promise<void>): Promise<void> {
    const delays = backoff(retryPolicy, this.#options.random);
    while (!this.#isClosing) {
      if (await this.#attempt(fn)) return;
      await this.#options.clock.sleep(delays.nextMs(), this.#closing.signal);
    }
  }
}

/** Returns the changes by agent, in order. */
function byAgent(changes: readonly AssignmentChange[]): ReadonlyMap<string, readonly AssignmentChange[]> {
  const groups = new Map<string, AssignmentChange[]>();
  for (const change of changes) {
    const group = groups.get(change.agentId);
    if (group === undefined) groups.set(change.agentId, [change]);
    else group.push(change);
  }
  return groups;
}
