/*
 * A benchmark leaves nothing running: SIGINT, SIGTERM and SIGHUP undo everything that it has started.
 */
import { constants } from 'node:os';
import { createLifetime } from '@berth/local/machine/lifetime';

/** Added to the number of the signal, like in shells. */
const signalled = 128;

const lifetime = createLifetime();

/** Registers the function that undoes a start. It is called even if the work was undone already. */
export function atEnd(undo: () => Promise<void>): void {
  lifetime.defer(undo);
}

async function end(name: NodeJS.Signals): Promise<void> {
  try {
    await lifetime.close();
  } catch (error) {
    process.stderr.write(`Not everything could be stopped: ${String(error)}\n`);
  }
  process.exit(signalled + constants.signals[name]);
}

let isEnding = false;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // Both a terminal and the process above may pass on one and the same signal.
    if (isEnding) return;
    isEnding = true;
    void end(name);
  });
}
