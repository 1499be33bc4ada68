import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { LeaderLease } from '@berth/shared/store/store';

export interface LeadOptions {
  readonly lease: LeaderLease;
  readonly holder: string;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** The work of a leader; it ends soon after its signal aborts. */
  readonly term: (epoch: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Takes the lease whenever it is free and works while it holds. Three tries fit into a lease, so one lost renewal does
 * not end a term; a term ends at the latest when the lease would, and the epoch fences off what comes late all the same.
 */
export async function lead(options: LeadOptions, signal: AbortSignal): Promise<void> {
  const { lease, holder, leaseMs, clock, log } = options;
  while (!signal.aborted) {
    try {
      const held = await lease.tryAcquire(holder, leaseMs);
      if (held !== undefined) await serve(options, held.epoch, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, 'cannot reach for the leadership; trying again');
    }
    await clock.sleep(leaseMs / 3, signal);
  }
}

async function serve(options: LeadOptions, epoch: number, signal: AbortSignal): Promise<void> {
  const { lease, holder, log } = options;
  const term = new AbortController();
  const end = () => term.abort();
  signal.addEventListener('abort', end, { once: true });
  log.info({ epoch }, 'leads');
  try {
    await Promise.all([
      keepLease(options, epoch, term).finally(end),
      options.term(epoch, term.signal).finally(end),
    ]);
  } finally {
    signal.removeEventListener('abort', end);
    log.info({ epoch }, 'leads no more');
    await lease.release(holder, epoch).catch((error: unknown) => log.debug({ err: error }, 'could not give up the lease'));
  }
}

async function keepLease(options: LeadOptions, epoch: number, term: AbortController): Promise<void> {
  const { lease, holder, leaseMs, clock, log } = options;
  let heldUntilMs = clock.nowMs() + leaseMs;
  while (!term.signal.aborted) {
    await clock.sleep(leaseMs / 3, term.signal);
    if (term.signal.aborted) return;
    const askedMs = clock.nowMs();
    const renewed = await withinMs(lease.renew(holder, epoch, leaseMs), heldUntilMs - askedMs, clock).catch(() => undefined);
    if (renewed === true) heldUntilMs = askedMs + leaseMs;
    else if (renewed === false || clock.nowMs() >= heldUntilMs) {
      log.warn({ epoch }, renewed === false ? 'the lease is another master’s now' : 'the lease could not be renewed');
      term.abort();
    }
  }
}

/** The promise's value, or undefined if it takes longer than `limitMs`. */
async function withinMs<T>(promise: Promise<T>, limitMs: number, clock: Clock): Promise<T | undefined> {
  const done = new AbortController();
  try {
    return await Promise.race([promise, clock.sleep(Math.max(0, limitMs), done.signal).then(() => undefined)]);
  } finally {
    done.abort();
  }
}
