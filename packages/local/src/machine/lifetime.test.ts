import { describe, expect, it } from 'vitest';
import { createLifetime, Interrupted } from './lifetime.js';

describe('a lifetime', () => {
  it('undoes in the reverse order, each thing once', async () => {
    const lifetime = createLifetime();
    const undone: string[] = [];
    for (const name of ['redis', 'master', 'client']) lifetime.defer(async () => void undone.push(name));
    await lifetime.close();
    await lifetime.close();
    expect(undone).toEqual(['client', 'master', 'redis']);
  });

  it('undoes the rest after a failure, and reports the failure', async () => {
    const lifetime = createLifetime();
    const undone: string[] = [];
    lifetime.defer(async () => void undone.push('first'));
    lifetime.defer(() => Promise.reject(new Error('stuck')));
    await expect(lifetime.close()).rejects.toThrow('stuck');
    expect(undone).toEqual(['first']);
  });

  it('aborts its signal at the request to end', () => {
    const lifetime = createLifetime();
    lifetime.abort(new Interrupted('SIGINT was received'));
    expect(() => lifetime.signal.throwIfAborted()).toThrow(Interrupted);
  });
});
