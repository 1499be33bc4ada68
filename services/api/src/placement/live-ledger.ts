import { AgentLedger } from '@berth/shared/model/placement/agent-ledger';
import type { Fleet } from '@berth/shared/model/placement/fleet';
import type { Replica } from '@berth/shared/store/replica';
import type { Subscription } from 'rxjs';

/** The fleet as the replica has it: made when it is first asked for, and kept current from then on. */
export class LiveLedger {
  readonly #replica: Replica;
  #ledger: AgentLedger | undefined;
  #subscription: Subscription | undefined;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** As of the replica's revision; whoever changes it gives it back as it was. */
  get fleet(): Fleet {
    this.#ledger ??= this.#open();
    return this.#ledger.fleet;
  }

  /** A fleet of one's own, to be changed at will. */
  copy(): Fleet {
    return new AgentLedger(this.#replica).fleet;
  }

  close(): void {
    this.#subscription?.unsubscribe();
  }

  #open(): AgentLedger {
    const ledger = new AgentLedger(this.#replica);
    this.#subscription = this.#replica.changes$.subscribe(({ changes }) => {
      for (const change of changes) {
        if (change.kind === 'task') ledger.update(change.before?.record, change.after?.record);
        else if (change.kind === 'agent' || change.kind === 'agentStatus') ledger.updateAgent(change.id);
        else if (change.kind === 'job' && change.after === undefined) ledger.forgetJob(change.id);
      }
    });
    return ledger;
  }
}
