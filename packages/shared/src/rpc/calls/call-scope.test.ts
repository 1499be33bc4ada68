import { describe, expect, it, vi } from 'vitest';
import { CallCancelled } from '../errors/status.js';
import { CallScope } from './call-scope.js';

const forEver = Number.POSITIVE_INFINITY;

describe('CallScope', () => {
  it('gives listeners and the signal the same reason, once', () => {
    const scope = new CallScope(forEver, forEver, undefined);
    const [listener, left] = [vi.fn(), vi.fn()];
    scope.onAbort(listener);
    scope.onAbort(left);
    scope.offAbort(left);
    const { signal } = scope;
    scope.cancel();
    scope.cancel();
    expect(listener.mock.calls).toEqual([[expect.any(CallCancelled)]]);
    expect(signal.reason).toBe(scope.reason);
    expect(left).not.toHaveBeenCalled();
  });

  it('calls a listener at once if the call has ended already', () => {
    const scope = new CallScope(forEver, forEver, AbortSignal.abort());
    const listener = vi.fn();
    scope.onAbort(listener);
    expect(listener).toHaveBeenCalledWith(scope.reason);
    expect(scope.signal.aborted).toBe(true);
  });

  it('ends nothing any more once it is closed', () => {
    const shutdown = new AbortController();
    const scope = new CallScope(forEver, forEver, shutdown.signal);
    scope.close();
    scope.cancel();
    shutdown.abort();
    expect(scope.reason).toBeUndefined();
  });
});
