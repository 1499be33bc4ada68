import type { ScriptedRedis } from './connection/redis-scripts.js';
import { archivedBytes } from './keys.js';

/** The archive of one job. */
export interface RedisArchive {
  /** The keys of its parts, the newer one first. */
  readonly parts: readonly string[];
  readonly command: <T>(send: (redis: ScriptedRedis) => Promise<T>) => Promise<T>;
}

/** Returns all archived fields of the job, or undefined. */
export async function findArchived({
  parts,
  command,
}: RedisArchive): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
  // The older part last: a commit in between may turn the newer part into the older one.
  const found = await Promise.all(parts.map((key) => command((redis) => redis.hgetallBuffer(key))));
  const entries = found.toReversed().flatMap((fields) => Object.entries(fields));
  const fields = entries.filter(([name]) => name !== archivedBytes);
  return fields.length === 0
    ? undefined
    : new Map(fields.map(([name, bytes]) => [name, new Uint8Array(bytes)]));
}

/** Returns one archived field of the job, or undefined. */
export async function findArchivedField(
  { parts, command }: RedisArchive,
  field: string,
): Promise<Uint8Array | undefined> {
  for (const key of parts) {
    const bytes = await command((redis) => redis.hgetBuffer(key, field));
    if (bytes !== null) return new Uint8Array(bytes);
  }
  return undefined;
}
