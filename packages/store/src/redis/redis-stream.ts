import { readerPatienceMs, replyTimeoutMs } from '../contract/limits.js';
import type { CallLimit, RedisConnection } from './connection/redis-connection.js';

/** An entry of a stream: its id, then names and values in turn. */
export interface StreamEntry {
  readonly id: string;
  readonly fields: readonly Buffer[];
}

/** A position in one stream. */
interface StreamPosition {
  readonly key: string;
  readonly afterId: string;
}

export interface StreamReadOptions {
  /** The most entries of each stream. */
  readonly limit: number;
  /** The longest wait for the first entry; 0: no wait. */
  readonly blockMs: number;
}

/** Reads the entries after the given positions, by stream. Streams without any are absent. */
export async function readStreams(
  connection: RedisConnection,
  positions: readonly StreamPosition[],
  options: StreamReadOptions,
): Promise<ReadonlyMap<string, readonly StreamEntry[]>> {
  const { limit, blockMs } = options;
  // For Redis, BLOCK 0 means to wait for ever.
  const block = blockMs > 0 ? ['BLOCK', Math.ceil(blockMs)] : [];
  const args = [
    'COUNT',
    limit,
    ...block,
    'STREAMS',
    ...positions.map(({ key }) => key),
    ...positions.map(({ afterId }) => afterId),
  ];
  const reply = await connection.call((redis) => redis.callBuffer('XREAD', args), readLimit(blockMs));
  const streams = (reply ?? []) as readonly (readonly [
    Buffer,
    readonly (readonly [Buffer, readonly Buffer[]])[],
  ])[];
  return new Map(
    streams.map(([key, entries]) => [
      key.toString(),
      entries.map(([id, fields]) => ({ id: id.toString(), fields })),
    ]),
  );
}

/**
 * The limit of a read that waits up to `blockMs`. It is not repeated, because its caller has to learn of a
 * lost connection.
 */
export function readLimit(blockMs: number): CallLimit {
  const attemptMs = blockMs + replyTimeoutMs;
  return {
    totalMs: readerPatienceMs + attemptMs,
    connectMs: readerPatienceMs,
    attemptMs,
    isRepeatable: false,
  };
}

/** Yields the names and values of an entry in pairs. */
export function* pairs(fields: readonly Buffer[]): Iterable<readonly [name: string, value: Buffer]> {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at];
    const value = fields[at + 1];
    if (name !== undefined && value !== undefined) yield [name.toString(), value];
  }
}
