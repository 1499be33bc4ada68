import { parseConfig } from '@berth/shared/process/config';
import { describe, expect, it } from 'vitest';
import { limitsOf, masterConfigSchema } from './config.js';

describe('the master’s configuration', () => {
  it('refuses to look at scaling policies without a pause', () => {
    const parse = (interval: string) =>
      parseConfig(masterConfigSchema, { BERTH_MASTER_SCALING_INTERVAL: interval });
    expect(() => parse('0s')).toThrow('BERTH_MASTER_SCALING_INTERVAL: must be at least 10ms');
    expect(parse('10ms').BERTH_MASTER_SCALING_INTERVAL).toBe(10);
  });

  it.each([
    ['http://gateway:7180/', 'http://gateway:7180', false],
    ['http://127.0.0.1:7180', 'http://127.0.0.1:7180', true],
    ['https://[::1]:7180', 'https://[::1]:7180', true],
  ])('knows of %s whom it reaches', (given, apiUrl, apiIsLoopback) => {
    const limits = limitsOf(parseConfig(masterConfigSchema, { BERTH_MASTER_API_URL: given }));
    expect(limits).toMatchObject({ apiUrl, apiIsLoopback });
  });

  it('tells containers nothing where it is told no address', () => {
    expect(limitsOf(parseConfig(masterConfigSchema, {}))).not.toHaveProperty('apiUrl');
  });
});
