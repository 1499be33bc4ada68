export { parseRedisUrl, type RedisAddress } from './connection/redis-options.js';
