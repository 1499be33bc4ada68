import { setMaxListeners } from 'node:events';

/** A signal that aborts with another, or when it is ended. */
interface LinkedAbort {
  readonly signal: AbortSignal;
  /** Aborts the signal and lets go of the other one. Must be called; may be called again. */
  end(): void;
}

/**
 * For short waits below a signal that lives long: `AbortSignal.any` keeps some bytes in the long-lived
 * signal for each wait, for ever (Node.js 20).
 */
export function linkAbort(parent: AbortSignal | undefined): LinkedAbort {
  const controller = new AbortController();
  const end = () => {
    parent?.removeEventListener('abort', end);
    controller.abort();
  };
  if (parent?.aborted) end();
  else if (parent !== undefined) {
    // Many may wait at a time, and each lets go again.
    setMaxListeners(0, parent);
    parent.addEventListener('abort', end, { once: true });
  }
  return { signal: controller.signal, end };
}
