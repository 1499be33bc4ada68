import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { checkServer, type ServerFacts } from './redis-server-check.js';

function warningsOf(facts: ServerFacts): readonly string[] {
  const lines: string[] = [];
  const log = pino(
    {},
    { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  checkServer(facts, 'host:1', log);
  return lines;
}

function info(fields: Readonly<Record<string, string>> = {}): string {
  const all = {
    redis_version: '7.2.4',
    aof_enabled: '1',
    maxmemory: '0',
    maxmemory_policy: 'noeviction',
    ...fields,
  };
  return `# Server\r\n${Object.entries(all)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')}`;
}

describe('the check of a Redis server', () => {
  it('is silent about a server that keeps its acknowledged writes', () => {
    expect(warningsOf({ info: info(), appendfsync: 'always' })).toEqual([]);
    expect(warningsOf({ info: info({ redis_version: '10.0.1' }) })).toEqual([]);
  });

  it('refuses a server that is too old, or hides its version', () => {
    const facts = { info: info({ redis_version: '6.2.14' }) };
    expect(() => warningsOf(facts)).toThrow('Redis at host:1 has version 6.2.14; Berth needs 7 or newer.');
    expect(() => warningsOf({ info: '' })).toThrow(expect.objectContaining({ code: 'failedPrecondition' }));
  });

  it('warns of each setting that may lose acknowledged writes', () => {
    expect(warningsOf({ info: info({ aof_enabled: '0' }) })).toEqual([
      expect.stringContaining('appendonly yes'),
    ]);
    expect(warningsOf({ info: info(), appendfsync: 'everysec' })).toEqual([
      expect.stringContaining('appendfsync always'),
    ]);
    const evicting = info({ maxmemory: '1000', maxmemory_policy: 'allkeys-lru' });
    expect(warningsOf({ info: evicting, appendfsync: 'always' })).toEqual([
      expect.stringContaining('noeviction'),
    ]);
  });
});
