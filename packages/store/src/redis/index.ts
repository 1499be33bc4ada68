export { parseRedisUrl, type RedisAddress } from './connection/redis-options.js';
export { type ScriptedRedis, scripts } from './connection/redis-scripts.js';
export { cellKeys } from './keys.js';
export { commitArguments, commitResult } from './redis-commit.js';
export { RedisStore } from './redis-store.js';
