import { BerthError } from '@berth/shared/model/errors/errors';
import type { Logger } from '@berth/shared/process/logger';

/** The first version whose scripts and streams have all that a cell uses. */
const oldestMajor = 7;

/** What a Redis says of itself: the text of INFO, and its `appendfsync` where it tells that. */
export interface ServerFacts {
  readonly info: string;
  readonly appendfsync?: string;
}

/**
 * Warns, a sentence each, of settings under which acknowledged writes may be lost. Fails with BerthError
 * `failedPrecondition` where the server is too old to be used.
 */
export function checkServer(facts: ServerFacts, address: string, log: Logger): void {
  const field = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(facts.info)?.[1]?.trim();
  const version = field('redis_version') ?? 'unknown';
  if (!(Number.parseInt(version, 10) >= oldestMajor)) {
    const sentence = `Redis at ${address} has version ${version}; Berth needs ${oldestMajor} or newer.`;
    throw new BerthError('failedPrecondition', sentence);
  }
  if (field('aof_enabled') === '0') {
    log.warn(
      `Redis at ${address} keeps no append-only file: its restart loses the cell. Set \`appendonly yes\`.`,
    );
  } else if (facts.appendfsync !== undefined && facts.appendfsync !== 'always') {
    log.warn(
      `Redis at ${address} has \`appendfsync ${facts.appendfsync}\`: a crash of its machine may lose acknowledged ` +
        'writes. Set `appendfsync always`.',
    );
  }
  const policy = field('maxmemory_policy') ?? 'noeviction';
  if ((field('maxmemory') ?? '0') !== '0' && policy !== 'noeviction') {
    log.warn(`Redis at ${address} drops keys when its memory is full. Set \`maxmemory-policy noeviction\`.`);
  }
}
