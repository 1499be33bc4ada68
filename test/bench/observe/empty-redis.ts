import type { TestRedis } from '../../support/process/redis.js';
import { waitFor } from '../../support/process/wait-for.js';

/**
 * Empties Redis, lets it rewrite its file, and waits until that is done. In a run of many gigabytes Redis
 * would otherwise rewrite it during a single measurement, and take a processor and the disk from that one
 * only.
 */
export async function emptyRedis(redis: TestRedis): Promise<void> {
  await redis.command('FLUSHALL');
  await redis.command('BGREWRITEAOF');
  const isDone = async () => {
    const info = await redis.command('INFO', 'persistence');
    return info.includes('aof_rewrite_in_progress:0') && info.includes('aof_rewrite_scheduled:0');
  };
  await waitFor(isDone, { what: 'Redis has written its file anew' });
}
