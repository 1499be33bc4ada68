/**
 * The settings that docs/operations/running.md recommends for Redis in a busy cell, beside an append-only
 * file synced at each write.
 */
export const redisSettings: Readonly<Record<string, string>> = { 'auto-aof-rewrite-min-size': '4gb' };
