import type { JobRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import type { Clock } from '@berth/shared/process/clock';
import { parseConfig } from '@berth/shared/process/config';
import { silentLogger } from '@berth/shared/process/logger';
import { systemRandom } from '@berth/shared/process/random';
import type { Committer } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { Replica } from '@berth/store/replica';
import { onTestFinished } from 'vitest';
import { LeaderCommitter } from '../commit/leader-committer.js';
import { masterConfigSchema } from '../config.js';
import { type Master, startMaster } from '../master.js';
import { type AgentOptions, anAgent, aReport, must } from './fixtures.js';
import { StoreLink } from './store-link.js';
import { settle, VirtualClock } from './virtual-clock.js';

/** Conditions become true within a few turns of the event loop, or never. */
const maxTurns = 100;
const stepMs = 500;

export interface StartedMaster {
  readonly master: Master;
  readonly link: StoreLink;
}

/** A store in memory with masters around it, in virtual time. It is closed when the test ends. */
export class TestStage {
  readonly clock: VirtualClock;
  readonly store: MemoryStore;
  readonly replica: Replica;
  /** Agents that beat while time passes. */
  readonly beating = new Set<string>();

  static async open(): Promise<TestStage> {
    const clock = new VirtualClock();
    const store = new MemoryStore({ clock });
    const replica = await Replica.start(store.openLogReader(), { clock });
    onTestFinished(() => replica.close());
    return new TestStage(clock, store, replica);
  }

  private constructor(clock: VirtualClock, store: MemoryStore, replica: Replica) {
    this.clock = clock;
    this.store = store;
    this.replica = replica;
  }

  /** Starts a master; its clock may differ from that of the stage. */
  async startMaster(env: NodeJS.ProcessEnv = {}, clock: Clock = this.clock): Promise<StartedMaster> {
    const link = new StoreLink(this.store);
    const config = parseConfig(masterConfigSchema, { BERTH_MASTER_HTTP: '127.0.0.1:0', ...env });
    const master = await startMaster({ config, store: link, log: silentLogger, clock });
    onTestFinished(async () => {
      link.isCut = true;
      await master.close();
    });
    await settle();
    return { master, link };
  }

  /** Returns the committer of the leader with that epoch. */
  committer(store: Committer, epoch: number): LeaderCommitter {
    const { replica, clock } = this;
    return new LeaderCommitter({ store, replica, epoch, clock, random: systemRandom, log: silentLogger });
  }

  async register(options: AgentOptions = {}): Promise<void> {
    const agent = anAgent(options);
    this.beating.add(agent.id);
    await this.store.recordHeartbeats([agent.id]);
    await this.store.commit({
      actor: `agent/${agent.id}`,
      writes: [{ kind: 'agent', id: agent.id, record: agent }],
    });
    await settle();
  }

  async submit(job: JobRecord): Promise<void> {
    await this.store.commit({ actor: 'ada', writes: [{ kind: 'job', id: job.id, record: job }] });
    await settle();
  }

  async killTask(taskId: string): Promise<void> {
    const record = { taskId, wish: { atMs: this.clock.nowMs(), by: 'ada' } };
    await this.store.commit({ actor: 'ada', writes: [{ kind: 'taskStop', id: taskId, record }] });
    await settle();
  }

  /** Publishes a report of the task's agent. */
  async report(taskId: string, state: TaskReport['state'], fields: Partial<TaskReport> = {}): Promise<void> {
    const task = must(this.replica.find('task', taskId)).record;
    await this.store.publish([aReport(task, state, { atMs: this.clock.nowMs(), ...fields })]);
    await settle();
  }

  async assignments(agentId = 'agent-1') {
    const feed = this.store.openAssignmentFeed(agentId);
    const assignments = await feed.readAssignments(agentId);
    await feed.close();
    return assignments;
  }

  taskState(taskId: string) {
    return this.replica.find('task', taskId)?.record.task?.state;
  }

  jobState(jobId = 'job-1') {
    return this.replica.find('jobStatus', jobId)?.record.state;
  }

  /** Lets time pass in small steps, while the living agents send heartbeats. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      await this.store.recordHeartbeats([...this.beating]);
      await this.clock.advance(Math.min(stepMs, left));
    }
    await settle();
  }

  /** Waits for a condition that needs no time to pass. */
  async until(what: string, condition: () => boolean): Promise<void> {
    for (let turns = 0; turns < maxTurns; turns++) {
      if (condition()) return;
      await settle();
    }
    throw new Error(`it did not happen that ${what}`);
  }
}
