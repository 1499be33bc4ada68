import { describe, expect, it } from 'vitest';
import { callerEmail } from './caller.js';

describe('the identity of the caller', () => {
  it('comes from the command line first, then from the environment', async () => {
    const env = { BERTH_CALLER_EMAIL: 'env@example.com' };
    expect(await callerEmail('option@example.com', env)).toBe('option@example.com');
    expect(await callerEmail(undefined, env)).toBe('env@example.com');
  });

  it('is never empty', async () => {
    expect(await callerEmail(undefined, {})).toMatch(/^[^\s@]+@[^\s@]+$/);
  });
});
