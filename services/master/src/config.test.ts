import { parseConfig } from '@berth/shared/process/config';
import { describe, expect, it } from 'vitest';
import { limitsOf, masterConfigSchema } from './config.js';

describe('the master’s configuration', () => {
  it('refuses to check scaling policies without a pause', () => {
    const parse = (interval: string) =>
      parseConfig(masterConfigSchema, { BERTH_MASTER_SCALING_INTERVAL: interval });
    expect(() => parse('0s')).toThrow('BERTH_MASTER_SCALING_INTERVAL: must be at least 10ms');
    expect(parse('10ms').BERTH_MASTER_SCALING_INTERVAL).toBe(10);
  });

  it.each(['0', '1ms', '1', '499ms'])(
    'refuses a lease of %s, with which a master would do nothing else',
    (lease) => {
      const parse = () => parseConfig(masterConfigSchema, { BERTH_MASTER_LEASE: lease });
      expect(parse).toThrow('BERTH_MASTER_LEASE: must be at least 500ms');
    },
  );

  it('names every time that is too short or too long', () => {
    const env = {
      BERTH_AGENT_TIMEOUT: '1ms',
      BERTH_MASTER_STUCK_DISPATCHED: '0',
      BERTH_MASTER_STUCK_STARTING: '0',
      BERTH_MASTER_STOP_CONFIRM: '0',
      BERTH_MASTER_MIN_BACKOFF: '0',
      BERTH_MASTER_MAX_BACKOFF: '0',
      BERTH_MASTER_STABLE_RUN: '0',
      BERTH_MASTER_ARCHIVE_TTL: '0',
    };
    for (const name of Object.keys(env))
      expect(() => parseConfig(masterConfigSchema, env)).toThrow(`${name}: must be at least`);
    const ages = { BERTH_MASTER_ARCHIVE_TTL: '99999999999h' };
    expect(() => parseConfig(masterConfigSchema, ages)).toThrow('must be at most 87600h');
  });

  it('lets a grace, a retention and a wait be nothing', () => {
    const env = {
      BERTH_MASTER_KILL_GRACE: '0',
      BERTH_MASTER_FINISHED_RETENTION: '0',
      BERTH_MASTER_STAGE_WAIT: '0',
    };
    expect(limitsOf(parseConfig(masterConfigSchema, env))).toMatchObject({ killGraceMs: 0, stageWaitMs: 0 });
  });

  it('refuses a first delay that is longer than the longest, even if other settings are wrong', () => {
    const problem = 'BERTH_MASTER_MIN_BACKOFF: must not be longer than BERTH_MASTER_MAX_BACKOFF';
    const parse = (env: Record<string, string>) => () => parseConfig(masterConfigSchema, env);
    expect(parse({ BERTH_MASTER_MIN_BACKOFF: '31s' })).toThrow(problem);
    expect(parse({ BERTH_MASTER_MAX_BACKOFF: '999ms' })).toThrow(problem);
    expect(parse({ BERTH_MASTER_MIN_BACKOFF: '31s', BERTH_CELL: 'NO' })).toThrow(problem);
    expect(parse({ BERTH_MASTER_MIN_BACKOFF: '1s', BERTH_MASTER_MAX_BACKOFF: '1s' })).not.toThrow();
    expect(parse({ BERTH_MASTER_MIN_BACKOFF: '31s', BERTH_MASTER_MAX_BACKOFF: 'soon' })).not.toThrow(problem);
  });

  it.each([
    ['http://gateway:7180/', 'http://gateway:7180', false],
    ['http://127.0.0.1:7180', 'http://127.0.0.1:7180', true],
    ['https://[::1]:7180', 'https://[::1]:7180', true],
  ])('knows of %s whom it reaches', (given, apiUrl, apiIsLoopback) => {
    const limits = limitsOf(parseConfig(masterConfigSchema, { BERTH_MASTER_API_URL: given }));
    expect(limits).toMatchObject({ apiUrl, apiIsLoopback });
  });

  it('gives containers no address if none is configured', () => {
    expect(limitsOf(parseConfig(masterConfigSchema, {}))).not.toHaveProperty('apiUrl');
  });
});
