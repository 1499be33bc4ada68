/*
 * The Redis store's parts, for its own tests and for benchmarks. Everything else opens a store with
 * `openStore`.
 */
export type { PreparedCommit } from '../commit/prepared-commit.js';
export { type ScriptedRedis, scripts } from '../redis/connection/redis-scripts.js';
export { cellKeys } from '../redis/keys.js';
export { commitArguments, commitResult } from '../redis/redis-commit.js';
export { packWrites } from '../wire/packed-writes.js';
