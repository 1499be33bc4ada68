import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import type { Logger } from '@berth/shared/process/logger';
import { assignmentStreamLength } from '../contract/limits.js';
import type { AssignmentChange, AssignmentFeed } from '../contract/store.js';
import { AssignmentDecoder } from '../wire/assignment-encoding.js';
import { unpackChanges } from '../wire/packed-changes.js';
import type { RedisConnection } from './connection/redis-connection.js';
import type { CellKeys } from './keys.js';
import { pairs, readLimit, readStreams, type StreamEntry } from './redis-stream.js';

export interface FeedHost {
  /** Only for reads that block. */
  readonly blocking: RedisConnection;
  /** For what must not wait behind them. */
  readonly shared: RedisConnection;
  readonly keys: CellKeys;
  readonly log: Logger;
  readonly onClose: () => void;
}

/** The assignments of all of a process's agents, over one blocking connection. Its place in the stream outlives that. */
export class RedisAssignmentFeed implements AssignmentFeed {
  readonly #host: FeedHost;
  readonly #stream: string;
  readonly #decoder = new AssignmentDecoder();
  #place: string | undefined;

  constructor(name: string, host: FeedHost) {
    this.#host = host;
    this.#stream = host.keys.assignments(name);
  }

  async readAssignments(agentId: string): Promise<readonly Assignment[]> {
    const { shared, keys } = this.#host;
    // The place first: a change between the two is then read twice, and not missed.
    await this.#begin();
    const values = await shared.call((redis) => redis.hvalsBuffer(keys.assigned(agentId)), readLimit(0));
    return values.flatMap((bytes) => this.#decode(agentId, bytes) ?? []);
  }

  async readChanges(blockMs: number): Promise<readonly AssignmentChange[]> {
    const place = { key: this.#stream, afterId: await this.#begin() };
    const limits = { limit: assignmentStreamLength, blockMs };
    const streams = await readStreams(this.#host.blocking, [place], limits);
    const entries = streams.get(this.#stream) ?? [];
    this.#place = entries.at(-1)?.id ?? place.afterId;
    return entries.flatMap((entry) => this.#changes(entry));
  }

  async close(): Promise<void> {
    this.#host.blocking.close();
    this.#host.onClose();
  }

  /** The place after which changes are news: at first the present. */
  async #begin(): Promise<string> {
    if (this.#place !== undefined) return this.#place;
    const end = await this.#host.shared.call((redis) => redis.berthStreamEnd(1, this.#stream), readLimit(0));
    this.#place ??= String(end);
    return this.#place;
  }

  #changes({ fields }: StreamEntry): AssignmentChange[] {
    const changes: AssignmentChange[] = [];
    for (const [name, value] of pairs(fields)) {
      if (name !== 'changes') continue;
      for (const { agentId, taskId, bytes } of unpackChanges(value)) {
        if (bytes.length === 0) {
          changes.push({ agentId, taskId });
          continue;
        }
        const assignment = this.#decode(agentId, bytes);
        if (assignment !== undefined) changes.push({ agentId, taskId, assignment });
      }
    }
    return changes;
  }

  /** One that cannot be decoded is left out: it must not keep the agent from its others. */
  #decode(agentId: string, bytes: Uint8Array): Assignment | undefined {
    try {
      return this.#decoder.decode(bytes);
    } catch (err) {
      this.#host.log.error(
        { err, agentId },
        `an assignment of agent ${agentId} cannot be decoded and is left out`,
      );
      return undefined;
    }
  }
}
