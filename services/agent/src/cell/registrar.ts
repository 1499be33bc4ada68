import { isDeepStrictEqual } from 'node:util';
import type { AgentRecord } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Random } from '@berth/shared/process/random';
import type { LogHead, LogReader } from '@berth/store';
import type { AgentStore } from './agent-store.js';

/** The number of agent records in one commit. */
const agentsPerCommit = 500;

/** Keeps the agents' records in the store equal to the agents of this process. */
export class Registrar {
  readonly #store: AgentStore;
  readonly #random: Random;
  readonly #log: LogReader;
  readonly #registered = new Map<string, AgentRecord>();
  /** The last known head of the log. Unknown at first. */
  #seen: LogHead | undefined;

  constructor(store: AgentStore, random: Random) {
    this.#store = store;
    this.#random = random;
    this.#log = store.openLogReader();
  }

  /** Commits each record that differs from the registered one. */
  async register(records: readonly AgentRecord[]): Promise<void> {
    const changed = records.filter((record) => !isDeepStrictEqual(record, this.#registered.get(record.id)));
    for (let from = 0; from < changed.length; from += agentsPerCommit) {
      await this.#commit(changed.slice(from, from + agentsPerCommit));
    }
  }

  /**
   * True if the store has lost data: it was emptied, or restored from an older state. Then no agent counts as
   * registered.
   */
  async hasStoreLostData(): Promise<boolean> {
    // Others may have written since. So the revision of the head alone proves nothing.
    const isLost = this.#seen !== undefined && !(await this.#store.continuesFrom(this.#seen));
    const head = await this.#log.head();
    if (isLost) this.#registered.clear();
    this.#seen = head;
    return isLost;
  }

  async close(): Promise<void> {
    await this.#log.close();
  }

  async #commit(records: readonly AgentRecord[]): Promise<void> {
    const [first] = records;
    if (first === undefined) return;
    const actor =
      records.length === 1 ? `agent/${first.id}` : `agent/${first.id} and ${records.length - 1} more`;
    const writes = records.map((record) => ({ kind: 'agent', id: record.id, record }) as const);
    const commitId = this.#random.uuid();
    const result = await this.#store.commit({ actor, writes, commitId });
    if (!result.ok) throw new BerthError('internal', `The registration was refused: ${result.reason}.`);
    const { revision } = result;
    if (this.#seen === undefined || revision > this.#seen.revision) this.#seen = { revision, commitId };
    for (const record of records) this.#registered.set(record.id, record);
  }
}
