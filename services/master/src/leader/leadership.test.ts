import { silentLogger } from '@berth/shared/process/logger';
import { MemoryStore } from '@berth/store/memory';
import { describe, expect, it, onTestFinished } from 'vitest';
import { second } from '../testing/fixtures.js';
import { StoreLink } from '../testing/store-link.js';
import { settle, VirtualClock } from '../testing/virtual-clock.js';
import { lead } from './leadership.js';

const leaseMs = 3 * second;

type Work = (epoch: number, signal: AbortSignal) => Promise<void>;

const untilAborted: Work = (_, signal) =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

function stage() {
  const clock = new VirtualClock();
  const store = new MemoryStore({ clock });
  return {
    clock,
    candidate: (holder: string, work: Work = untilAborted) =>
      candidate(clock, new StoreLink(store), holder, work),
  };
}

function candidate(clock: VirtualClock, link: StoreLink, holder: string, work: Work) {
  const stopping = new AbortController();
  const epochs: number[] = [];
  let leading = 0;
  const counted: Work = async (epoch, signal) => {
    epochs.push(epoch);
    leading += 1;
    await work(epoch, signal).finally(() => {
      leading -= 1;
    });
  };
  const done = lead(
    { lease: link, holder, leaseMs, clock, log: silentLogger, work: counted },
    stopping.signal,
  );
  const stop = async () => {
    stopping.abort();
    await settle();
    await done;
  };
  onTestFinished(stop);
  return { link, epochs, stop, isLeading: () => leading > 0 };
}

describe('leadership', () => {
  it('stays with one master for as long as it renews the lease', async () => {
    const { clock, candidate } = stage();
    const first = candidate('first');
    const standby = candidate('standby');
    await clock.advance(20 * leaseMs);
    expect([first.isLeading(), standby.isLeading()]).toEqual([true, false]);
    expect(first.epochs).toHaveLength(1);
  });

  it('goes to the standby, with a greater epoch, at once when it is given up', async () => {
    const { clock, candidate } = stage();
    const first = candidate('first');
    const standby = candidate('standby');
    await clock.advance(leaseMs);
    await first.stop();
    await clock.advance(leaseMs / 10);
    expect(standby.isLeading()).toBe(true);
    expect(standby.epochs[0]).toBeGreaterThan(first.epochs[0] ?? 0);
  });

  it('survives one lost renewal', async () => {
    const { clock, candidate } = stage();
    const first = candidate('first');
    await clock.advance(leaseMs);
    first.link.isCut = true;
    await clock.advance(leaseMs / 3);
    first.link.isCut = false;
    await clock.advance(10 * leaseMs);
    expect([first.isLeading(), first.epochs.length]).toEqual([true, 1]);
  });

  it('has ended when the lease may be another’s, however the store is', async () => {
    const { clock, candidate } = stage();
    const first = candidate('first');
    const standby = candidate('standby');
    await clock.advance(leaseMs);
    first.link.isCut = true;
    for (let waitedMs = 0; waitedMs < 2 * leaseMs; waitedMs += 50) {
      await clock.advance(50);
      expect([first.isLeading(), standby.isLeading()]).not.toEqual([true, true]);
    }
    expect([first.isLeading(), standby.isLeading()]).toEqual([false, true]);
  });

  it('has ended when a renewal does not come back in time', async () => {
    const { clock, candidate } = stage();
    const first = candidate('first');
    await clock.advance(leaseMs);
    const { renew } = first.link;
    first.link.renew = () => new Promise(() => {});
    await clock.advance(leaseMs + 1);
    expect(first.isLeading()).toBe(false);
    first.link.renew = renew.bind(first.link);
  });

  it('ends when the lease is another’s', async () => {
    const { clock, candidate } = stage();
    const first = candidate('first');
    await settle();
    first.link.renew = async () => false;
    await clock.advance(leaseMs / 3);
    expect(first.isLeading()).toBe(false);
  });

  it('is given up and sought anew when the work of a term fails', async () => {
    const { clock, candidate } = stage();
    let failures = 2;
    const first = candidate('first', async (epoch, signal) => {
      if (failures-- > 0) throw new Error('something is wrong');
      await untilAborted(epoch, signal);
    });
    await clock.advance(leaseMs);
    expect([first.isLeading(), first.epochs.length]).toEqual([true, 3]);
  });

  it('is not begun by one that was stopped while it asked for the lease', async () => {
    const { clock, candidate } = stage();
    const late = candidate('late');
    const stopped = late.stop();
    await clock.advance(1);
    await stopped;
    const next = candidate('next');
    await clock.advance(leaseMs / 10);
    expect(next.isLeading()).toBe(true);
  });

  it('waits for the term to end before it gives the lease up', async () => {
    const { clock, candidate } = stage();
    let finish = () => {};
    const slow = candidate(
      'slow',
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    const standby = candidate('standby');
    await settle();
    const stopped = slow.stop();
    await clock.advance(leaseMs / 2);
    expect(standby.isLeading()).toBe(false);
    finish();
    await stopped;
    await clock.advance(leaseMs / 10);
    expect(standby.isLeading()).toBe(true);
  });

  it('ends when it is to end, though the store answers neither renewal nor release', async () => {
    const clock = new VirtualClock();
    const never = () => new Promise<never>(() => undefined);
    const lease = { tryAcquire: async () => ({ epoch: 1 }), renew: never, release: never };
    const stopping = new AbortController();
    const longLeaseMs = 60 * second;
    const options = {
      lease,
      holder: 'one',
      leaseMs: longLeaseMs,
      clock,
      log: silentLogger,
      work: untilAborted,
    };
    let isDone = false;
    const done = lead(options, stopping.signal).then(() => {
      isDone = true;
    });
    await clock.advance(longLeaseMs / 3);
    stopping.abort();
    await settle();
    await clock.advance(2 * second);
    expect(isDone).toBe(true);
    await done;
  });
});
