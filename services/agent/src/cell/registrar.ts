import { isDeepStrictEqual } from 'node:util';
import type { AgentRecord } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Random } from '@berth/shared/process/random';
import type { LogHead, LogReader } from '@berth/store';
import type { AgentStore } from './agent-store.js';

/** Agents whose records go in one commit. */
const agentsPerCommit = 500;

/** Keeps what the cell knows of a process's agents equal to what they have. */
export class Registrar {
  readonly #store: AgentStore;
  readonly #random: Random;
  readonly #log: LogReader;
  readonly #registered = new Map<string, AgentRecord>();
  /** Where the cell was when it was last seen; unknown at first. */
  #seen: LogHead | undefined;

  constructor(store: AgentStore, random: Random) {
    this.#store = store;
    this.#random = random;
    this.#log = store.openLogReader();
  }

  /** Commits the records of agents that differ from what they last registered. */
  async register(records: readonly AgentRecord[]): Promise<void> {
    const changed = records.filter((record) => !isDeepStrictEqual(record, this.#registered.get(record.id)));
    for (let from = 0; from < changed.length; from += agentsPerCommit) {
      await this.#commit(changed.slice(from, from + agentsPerCommit));
    }
  }

  /** Whether Redis has lost data (was restored from an older state, or emptied): then nothing counts as registered. */
  async hasStoreLostData(): Promise<boolean> {
    // Others may have written since, so that where the head is does not tell.
    const isLost = this.#seen !== undefined && !(await this.#store.leadsOnFrom(this.#seen));
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
