import { systemClock } from '@berth/shared/process/clock';
import type { LocalCell } from '../cell/local-cell.js';
import type { Progress } from '../output/progress.js';
import { describeError } from '../output/setup-error.js';

const lookEveryMs = 500;
/** A process that does not come up is tried again, but not in a tight loop. */
const retryAfterMs = 5_000;

interface KeepRunningOptions {
  readonly progress: Progress;
  /** Ends the supervision. */
  readonly signal: AbortSignal;
}

/** Restarts every process of the cell that ends, like a supervisor. Resolves at the signal. */
export async function keepRunning(cell: LocalCell, { progress, signal }: KeepRunningOptions): Promise<void> {
  while (!signal.aborted) {
    const gone = cell.names().filter((name) => cell.pid(name) === undefined);
    let pauseMs = lookEveryMs;
    for (const name of gone) {
      progress.note(`The ${name} has ended (its log is in ${cell.logsDir}); starting it again.`);
      try {
        await cell.restart(name);
        progress.note(`The ${name} is ready again.`);
      } catch (error) {
        progress.note(describeError(error));
        pauseMs = retryAfterMs;
      }
    }
    await systemClock.sleep(pauseMs, signal);
  }
}
