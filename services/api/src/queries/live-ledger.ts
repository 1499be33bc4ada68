import type { AgentIndex, Avoidance } from '@berth/scheduler';
import { AgentLedger } from '@berth/scheduler';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { EntityKind } from '@berth/shared/model/cell/entity';
import type { Clock } from '@berth/shared/process/clock';
import type { Replica } from '@berth/store/replica';
import type { Subscription } from 'rxjs';

/** The kinds of entities that concern agents. */
const agentKinds: ReadonlySet<EntityKind> = new Set(['agent', 'agentStatus', 'agentDrain']);

/**
 * The agents of the replica's state. The first read builds the ledger; from then on it follows the replica.
 */
export class LiveLedger {
  readonly #replica: Replica;
  readonly #clock: Pick<Clock, 'nowMs'>;
  #ledger: AgentLedger | undefined;
  #subscription: Subscription | undefined;

  constructor(replica: Replica, clock: Pick<Clock, 'nowMs'>) {
    this.#replica = replica;
    this.#clock = clock;
  }

  /** The agents at the replica's revision. A caller that changes them must undo its changes. */
  get index(): AgentIndex {
    return this.#current.index;
  }

  /** Returns the avoidance of an agent that fails launches. */
  avoidanceOf(agentId: string): Avoidance | undefined {
    return this.index.find(agentId)?.avoidance;
  }

  /** Returns the live tasks on the agent, the oldest first. */
  tasksOn(agentId: string): readonly TaskRecord[] {
    return [...this.#current.tasksOn(agentId)].sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /** A copy for the caller, who may change it. */
  copy(): AgentIndex {
    const ledger = new AgentLedger(this.#replica);
    ledger.advance(this.#clock.nowMs());
    return ledger.index;
  }

  close(): void {
    this.#subscription?.unsubscribe();
  }

  get #current(): AgentLedger {
    this.#ledger ??= this.#open();
    this.#ledger.advance(this.#clock.nowMs());
    return this.#ledger;
  }

  #open(): AgentLedger {
    const ledger = new AgentLedger(this.#replica);
    this.#subscription = this.#replica.changes$.subscribe(({ changes }) => {
      for (const change of changes) {
        if (change.kind === 'task') ledger.update(change.before?.record, change.after?.record);
        else if (agentKinds.has(change.kind)) ledger.updateAgent(change.id);
        else if (change.kind === 'job' && change.after === undefined) ledger.forgetJob(change.id);
      }
    });
    return ledger;
  }
}
