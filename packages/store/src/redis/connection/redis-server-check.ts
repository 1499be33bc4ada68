import { BerthError } from '@berth/shared/model/errors/errors';
import type { Logger } from '@berth/shared/process/logger';

/** The first version with all the script and stream features that a cell needs. */
const oldestMajor = 7;

/** A server's description of itself: the text of INFO, and its `appendfsync` unless CONFIG is forbidden. */
export interface ServerFacts {
  readonly info: string;
  readonly appendfsync?: string;
}

/**
 * Logs a warning for each setting under which acknowledged writes may be lost. Fails with BerthError
 * `failedPrecondition` if the server is too old.
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
