import { type Clock, startTimer } from '@berth/shared/process/clock';
import { type DockerCall, isAlreadySo, toRuntimeError } from './errors.js';

/**
 * The time that Docker has for its answer. A loaded engine is slow to create and start, but never to inspect.
 */
const limitsMs: Readonly<Record<DockerCall, number>> = {
  ping: 5_000,
  info: 20_000,
  list: 20_000,
  inspect: 20_000,
  create: 60_000,
  start: 60_000,
  stop: 20_000,
  kill: 20_000,
  collect: 20_000,
  remove: 60_000,
  // A pull ends when it makes no progress.
  pull: 0,
  events: 0,
  // Late figures are of no use.
  stats: 4_000,
};

/** Makes a call within its time limit. Fails with a RuntimeError. */
export type LimitedCall = <T>(call: DockerCall, fn: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Returns a function that holds each call to its time limit on that clock. */
export function limitCalls(clock: Clock): LimitedCall {
  return async <T>(call: DockerCall, fn: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const limitMs = limitsMs[call];
    const deadline = new AbortController();
    const cancel = startTimer(clock, limitMs, () => deadline.abort());
    // Some calls ignore the signal. And a call never ends if its answer is cut off in the middle.
    const isOver = new Promise<never>((_, reject) => {
      deadline.signal.addEventListener('abort', () => reject(deadline.signal.reason));
    });
    try {
      return await Promise.race([fn(deadline.signal), isOver]);
    } catch (error) {
      // Docker answers so only to calls that resolve to nothing.
      if (isAlreadySo(error)) return undefined as T;
      throw toRuntimeError(error, call, limitMs);
    } finally {
      cancel();
    }
  };
}
