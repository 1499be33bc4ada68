import { Assignment } from '../gen/berth/v1/store.js';
import type { Logger } from '../process/logger.js';
import { inChunks } from './chunks.js';
import type { CellKeys } from './keys.js';
import { assignmentStreamLength } from './limits.js';
import type { RedisConnection } from './redis-connection.js';
import { pairs, readLimit, readStreams, type StreamEntry } from './redis-stream.js';
import type { AssignmentChange, AssignmentFeed } from './store.js';

/** Streams whose ends one script looks up. */
const agentsPerLookup = 500;

export interface FeedHost {
  /** Only for reads that block. */
  readonly blocking: RedisConnection;
  /** For what must not wait behind them. */
  readonly shared: RedisConnection;
  readonly keys: CellKeys;
  readonly log: Logger;
  readonly onClose: () => void;
}

/** The assignments of all of a process's agents, over one blocking connection. Places in the streams outlive it. */
export class RedisAssignmentFeed implements AssignmentFeed {
  readonly #host: FeedHost;
  readonly #places = new Map<string, string>();

  constructor(host: FeedHost) {
    this.#host = host;
  }

  async readAssignments(agentId: string): Promise<readonly Assignment[]> {
    const { shared, keys } = this.#host;
    // The place first: a change between the two is then read twice, and not missed.
    await this.#begin([agentId]);
    const values = await shared.call((redis) => redis.hvalsBuffer(keys.assigned(agentId)), readLimit(0));
    return values.flatMap((bytes) => this.#decode(agentId, bytes) ?? []);
  }

  async readChanges(agentIds: readonly string[], blockMs: number): Promise<readonly AssignmentChange[]> {
    if (agentIds.length === 0) return [];
    const { blocking, keys } = this.#host;
    await this.#begin(agentIds);
    const agentOf = new Map(agentIds.map((agentId) => [keys.assignments(agentId), agentId]));
    const places = [...agentOf].map(([key, agentId]) => ({
      key,
      afterId: this.#places.get(agentId) ?? '0-0',
    }));
    const streams = await readStreams(blocking, places, { limit: assignmentStreamLength, blockMs });
    const changes: AssignmentChange[] = [];
    for (const [key, entries] of streams) {
      const agentId = agentOf.get(key);
      const last = entries.at(-1);
      if (agentId === undefined || last === undefined) continue;
      this.#places.set(agentId, last.id);
      changes.push(...entries.flatMap((entry) => this.#change(agentId, entry)));
    }
    return changes;
  }

  async close(): Promise<void> {
    this.#host.blocking.close();
    this.#host.onClose();
  }

  async #begin(agentIds: readonly string[]): Promise<void> {
    const { shared, keys } = this.#host;
    const added = agentIds.filter((agentId) => !this.#places.has(agentId));
    for (const some of inChunks(added, agentsPerLookup)) {
      const streams = some.map((agentId) => keys.assignments(agentId));
      const ends = await shared.call(
        (redis) => redis.berthStreamEnds(streams.length, ...streams),
        readLimit(0),
      );
      for (const [index, end] of (ends as readonly string[]).entries()) {
        const agentId = some[index];
        if (agentId !== undefined && !this.#places.has(agentId)) this.#places.set(agentId, end);
      }
    }
  }

  #change(agentId: string, { fields }: StreamEntry): AssignmentChange[] {
    const values = new Map(pairs(fields));
    const taskId = values.get('task')?.toString() ?? '';
    const bytes = values.get('assignment');
    if (bytes === undefined || bytes.length === 0) return [{ agentId, taskId }];
    const assignment = this.#decode(agentId, bytes);
    return assignment === undefined ? [] : [{ agentId, taskId, assignment }];
  }

  /** One that cannot be decoded is left out: it must not keep the agent from its others. */
  #decode(agentId: string, bytes: Buffer): Assignment | undefined {
    try {
      return Assignment.decode(bytes);
    } catch (err) {
      this.#host.log.error(
        { err, agentId },
        `an assignment of agent ${agentId} cannot be decoded and is left out`,
      );
      return undefined;
    }
  }
}
