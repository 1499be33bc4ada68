import { parseConfig } from '@berth/shared/process/config';
import { describe, expect, it } from 'vitest';
import { masterConfigSchema } from './config.js';

describe('the master’s configuration', () => {
  it('refuses to look at scaling policies without a pause', () => {
    const parse = (interval: string) =>
      parseConfig(masterConfigSchema, { BERTH_MASTER_SCALING_INTERVAL: interval });
    expect(() => parse('0s')).toThrow('BERTH_MASTER_SCALING_INTERVAL: must be at least 10ms');
    expect(parse('10ms').BERTH_MASTER_SCALING_INTERVAL).toBe(10);
  });
});
