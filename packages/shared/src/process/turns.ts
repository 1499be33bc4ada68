import { setImmediate as immediate } from 'node:timers/promises';

/*
 * Turns of the event loop. Waiting for the next turn takes no time by the clock: it lets everything else that is ready
 * run first.
 */

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return immediate();
}

/** Calls `run` in the next turn of the event loop. Costs no promise. */
export function inNextTurn(run: () => void): void {
  setImmediate(run);
}
