import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import type { Logger } from '@berth/shared/process/logger';
import type { AssignmentChange, AssignmentFeed } from '../contract/assignments.js';
import { assignmentStreamLength } from '../contract/limits.js';
import type { Tuning } from '../contract/tuning.js';
import { AssignmentDecoder } from '../wire/assignment-encoding.js';
import { inChunks } from '../wire/chunks.js';
import { fieldOf, hasRunOn } from '../wire/codec.js';
import { unpackChanges } from '../wire/packed-changes.js';
import type { RedisConnection } from './connection/redis-connection.js';
import type { CellKeys } from './keys.js';
import { pairs, readLimit, readStreams, type StreamEntry } from './redis-stream.js';

/** A longer call would hold up others. */
const tasksPerCall = 500;
/** A stored record begins with its revision. */
const revisionBytes = 8;

interface FeedHost {
  /** A connection for reads that block. */
  readonly blocking: RedisConnection;
  /** A connection for calls that must not wait behind them. */
  readonly shared: RedisConnection;
  readonly keys: CellKeys;
  readonly tuning: Tuning;
  readonly log: Logger;
  readonly onClose: () => void;
}

/**
 * The assignments of all agents of a process, over one blocking connection. Its position in the stream
 * outlives the connection.
 */
export class RedisAssignmentFeed implements AssignmentFeed {
  readonly #host: FeedHost;
  readonly #stream: string;
  readonly #decoder: AssignmentDecoder;
  #position: string | undefined;

  constructor(name: string, host: FeedHost) {
    this.#host = host;
    this.#decoder = new AssignmentDecoder(host.tuning);
    this.#stream = host.keys.assignments(name);
  }

  async readAssignments(agentId: string): Promise<readonly Assignment[]> {
    const { shared, keys } = this.#host;
    // The position first: a change between the two calls is then read twice, and not missed.
    await this.#begin();
    const values = await shared.call((redis) => redis.hvalsBuffer(keys.assigned(agentId)), readLimit(0));
    return values.flatMap((bytes) => this.#decode(agentId, bytes) ?? []);
  }

  async findRun(agentId: string, taskIds: readonly string[]): Promise<readonly string[]> {
    const { shared, keys } = this.#host;
    const found: string[] = [];
    for (const some of inChunks(taskIds, tasksPerCall)) {
      const fields = some.map((id) => fieldOf('task', id));
      const values = await shared.call((redis) => redis.hmgetBuffer(keys.entities, ...fields), readLimit(0));
      const hasRun = (index: number) => {
        const value = values[index];
        return value != null && hasRunOn(value.subarray(revisionBytes), agentId);
      };
      found.push(...some.filter((_, index) => hasRun(index)));
    }
    return found;
  }

  async readChanges(blockMs: number): Promise<readonly AssignmentChange[]> {
    const position = { key: this.#stream, afterId: await this.#begin() };
    const limits = { limit: assignmentStreamLength, blockMs };
    const streams = await readStreams(this.#host.blocking, [position], limits);
    const entries = streams.get(this.#stream) ?? [];
    this.#position = entries.at(-1)?.id ?? position.afterId;
    return entries.flatMap((entry) => this.#changes(entry));
  }

  async close(): Promise<void> {
    this.#host.blocking.close();
    this.#host.onClose();
  }

  /** Returns the position after which changes are unread. At first that is the end of the stream. */
  async #begin(): Promise<string> {
    if (this.#position !== undefined) return this.#position;
    const end = await this.#host.shared.call((redis) => redis.berthStreamEnd(1, this.#stream), readLimit(0));
    this.#position ??= String(end);
    return this.#position;
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

  /** Leaves out an assignment that cannot be decoded, because the agent must still get the others. */
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
