import type { Clock } from '@berth/shared/process/clock';
import { linkAbort } from '@berth/shared/process/linked-abort';
import type { Logger } from '@berth/shared/process/logger';
import type { LeaderLease } from '@berth/store';
import { allSettled } from '../primitives/all-settled.js';

interface LeadOptions {
  readonly lease: LeaderLease;
  readonly holder: string;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** The work of a leader; it ends soon after its signal aborts. */
  readonly work: (epoch: number, signal: AbortSignal) => Promise<void>;
}

/**
 * A standby asks for the lease this many times in a lease's time, so that it takes over soon after the end of
 * one.
 */
const asksPerLease = 10;
/**
 * A leader renews the lease this many times in its time, so that one lost renewal does not end the
 * leadership.
 */
const renewalsPerLease = 3;
/**
 * A master that ends waits no longer than this for the answer that its lease is given up: the lease expires
 * by itself.
 */
const releaseLimitMs = 2_000;

/**
 * Takes the lease whenever it is free, and works while the lease holds. The work ends at the latest when the
 * lease would. A commit that comes later still is fenced off by its epoch.
 */
export async function lead(options: LeadOptions, signal: AbortSignal): Promise<void> {
  const { lease, holder, leaseMs, clock, log } = options;
  while (!signal.aborted) {
    try {
      const askedMs = clock.nowMs();
      const held = await lease.tryAcquire(holder, leaseMs);
      if (held !== undefined) await serve(options, { epoch: held.epoch, untilMs: askedMs + leaseMs }, signal);
      await clock.sleep(leaseMs / asksPerLease, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, 'a leadership ended, or could not begin; trying again');
      await clock.sleep(leaseMs / renewalsPerLease, signal);
    }
  }
}

/** A lease that this process holds. */
interface OwnLease {
  readonly epoch: number;
  readonly untilMs: number;
}

async function serve(options: LeadOptions, held: OwnLease, signal: AbortSignal): Promise<void> {
  const { epoch } = held;
  const { lease, holder, leaseMs, clock, log } = options;
  const ending = new AbortController();
  const end = () => ending.abort();
  const workSignal = AbortSignal.any([signal, ending.signal]);
  log.info({ epoch }, 'leads');
  try {
    await allSettled([
      keepLease(options, held, workSignal).finally(end),
      options.work(epoch, workSignal).finally(end),
    ]);
  } finally {
    log.info({ epoch }, 'leads no more');
    const released = lease
      .release(holder, epoch)
      .catch((error: unknown) => log.debug({ err: error }, 'could not give up the lease'));
    await withinMs(released, Math.min(releaseLimitMs, leaseMs), { clock });
  }
}

/** Resolves when the lease can no longer be counted on, or the signal aborts. */
async function keepLease(options: LeadOptions, held: OwnLease, signal: AbortSignal): Promise<void> {
  const { lease, holder, leaseMs, clock, log } = options;
  const { epoch } = held;
  let { untilMs } = held;
  while (!signal.aborted) {
    await clock.sleep(Math.min(leaseMs / renewalsPerLease, Math.max(0, untilMs - clock.nowMs())), signal);
    if (signal.aborted) return;
    const askedMs = clock.nowMs();
    const renewed = await withinMs(lease.renew(holder, epoch, leaseMs), untilMs - askedMs, {
      clock,
      signal,
    }).catch(() => undefined);
    if (signal.aborted) return;
    if (renewed === true) untilMs = askedMs + leaseMs;
    else if (renewed === false) return log.warn({ epoch }, 'the lease is another master’s now');
    else if (clock.nowMs() >= untilMs) return log.warn({ epoch }, 'the lease could not be renewed');
  }
}

/**
 * Returns the promise's value, or undefined if it takes longer than `limitMs`, or the signal aborts first.
 */
async function withinMs<T>(
  promise: Promise<T>,
  limitMs: number,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<T | undefined> {
  const done = linkAbort(signal);
  try {
    return await Promise.race([
      promise,
      clock.sleep(Math.max(0, limitMs), done.signal).then(() => undefined),
    ]);
  } finally {
    done.end();
  }
}
