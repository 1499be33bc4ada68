import { readerPatienceMs, replyTimeoutMs } from '../contract/limits.js';
import type { CallLimit, RedisConnection } from './connection/redis-connection.js';

/** An entry of a stream: its id, then names and values in turn. */
export interface StreamEntry {
  readonly id: string;
  readonly fields: readonly Buffer[];
}

/** Where to read on in one stream. */
export interface StreamPlace {
  readonly key: string;
  readonly afterId: string;
}

export interface StreamReadOptions {
  /** Entries of each stream at most. */
  readonly limit: number;
  /** How long to wait for the first entry; 0 not at all. */
  readonly blockMs: number;
}

/** Entries that follow the given places, by stream; streams without any are left out. */
export async function readStreams(
  connection: RedisConnection,
  places: readonly StreamPlace[],
  options: StreamReadOptions,
): Promise<ReadonlyMap<string, readonly StreamEntry[]>> {
  const { limit, blockMs } = options;
  // To Redis, BLOCK 0 is to wait for ever.
  const block = blockMs > 0 ? ['BLOCK', Math.ceil(blockMs)] : [];
  const args = [
    'COUNT',
    limit,
    ...block,
    'STREAMS',
    ...places.map(({ key }) => key),
    ...places.map(({ afterId }) => afterId),
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

/** A read may wait so long, and then must answer. It is not repeated here: its caller has to hear of a lost connection. */
export function readLimit(blockMs: number): CallLimit {
  const attemptMs = blockMs + replyTimeoutMs;
  return {
    totalMs: readerPatienceMs + attemptMs,
    connectMs: readerPatienceMs,
    attemptMs,
    isRepeatable: false,
  };
}

/** The names and values of an entry, paired. */
export function* pairs(fields: readonly Buffer[]): Iterable<readonly [name: string, value: Buffer]> {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at];
    const value = fields[at + 1];
    if (name !== undefined && value !== undefined) yield [name.toString(), value];
  }
}
