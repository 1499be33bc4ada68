import { describe, expect, it } from 'vitest';
import { callerEmail } from './caller.js';

describe('who calls', () => {
  it('is what the command line says, before the environment', async () => {
    const env = { BERTH_CALLER_EMAIL: 'env@example.com' };
    expect(await callerEmail('option@example.com', env)).toBe('option@example.com');
    expect(await callerEmail(undefined, env)).toBe('env@example.com');
  });

  it('is always somebody', async () => {
    expect(await callerEmail(undefined, {})).toMatch(/^[^\s@]+@[^\s@]+$/);
  });
});
