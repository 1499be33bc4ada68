import { ObservedKind } from '@berth/shared/gen/berth/v1/observe_service';
import { systemClock } from '@berth/shared/process/clock';
import { MemoryStore } from '@berth/store/memory';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CellWatcher } from '../../../testing/cell-watcher.js';
import { decide, RunningGateway } from '../../../testing/running-gateway.js';
import { jobWrite } from '../../../testing/scripted-cell.js';
import { PendingCheckpoints } from './checkpoints.js';

describe('pending checkpoints', () => {
  it('have capacity at once while there are few', async () => {
    const waiting = new PendingCheckpoints();
    for (let count = 0; count < 99; count += 1) waiting.add(`${count}`);
    await waiting.hasCapacity();
    expect(waiting.ids).toHaveLength(99);
  });

  it('have capacity again after one of a hundred has been sent', async () => {
    const waiting = new PendingCheckpoints();
    for (let count = 0; count < 100; count += 1) waiting.add(`${count}`);
    let isResolved = false;
    const capacity = waiting.hasCapacity().then(() => {
      isResolved = true;
    });
    waiting.sent('nobody asked for this');
    await new Promise(setImmediate);
    expect(isResolved).toBe(false);
    waiting.sent('0');
    await capacity;
    expect(waiting.ids.slice(0, 2)).toEqual(['1', '2']);
  });

  it('are sent once each if two have the same id', () => {
    const waiting = new PendingCheckpoints();
    for (const id of ['a', 'b', 'a']) waiting.add(id);
    waiting.sent('a');
    expect(waiting.ids).toEqual(['b', 'a']);
  });
});

describe('a gateway', () => {
  let store: MemoryStore;
  let gateway: RunningGateway;
  const watchers: CellWatcher[] = [];

  beforeEach(async () => {
    store = new MemoryStore({ clock: systemClock });
    gateway = await RunningGateway.start(store);
  });
  afterEach(async () => {
    for (const watcher of watchers.splice(0)) watcher.close();
    await gateway.close();
    await store.close();
  });

  function watch(): CellWatcher {
    const watcher = new CellWatcher(`127.0.0.1:${gateway.gateway.grpcPort}`);
    watchers.push(watcher);
    return watcher;
  }

  /** Returns the value of the gateway's metric that has this name and these first labels. */
  async function metric(beginning: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${gateway.gateway.httpPort}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(beginning));
    return Number(line?.split(' ').at(-1));
  }

  it('answers a checkpoint after it has delivered all earlier commits', async () => {
    const watcher = watch();
    await watcher.until(() => watcher.mirror.isLive);
    for (let round = 0; round < 20; round += 1) {
      await decide(store, [jobWrite(`j${round}`)]);
      await watcher.caughtUp();
      expect(watcher.mirror.entities.has(`${ObservedKind.JOB}/j${round}`)).toBe(true);
    }
  });

  it('reads only a limited number of checkpoints from a stalled subscriber, and answers all of them later', async () => {
    const watcher = watch();
    await watcher.until(() => watcher.mirror.isLive);
    watcher.pause();
    const ids = Array.from({ length: 3_000 }, (_, index) => `${index}`.padEnd(256, '.'));
    for (const id of ids) watcher.ask(id);
    const waiting = () => metric('berth_gateway_observe_pending_changes{method="Observe"');
    await vi.waitFor(async () => expect(await waiting()).toBe(100), { timeout: 50_000 });
    await decide(store, [jobWrite('a')]);
    await watch().caughtUp();
    expect(await waiting()).toBeLessThanOrEqual(101);
    watcher.resume();
    await watcher.until(() => watcher.hasReached(ids.at(-1) ?? ''));
    const reached = watcher.mirror.received.flatMap((one) =>
      one.$case === 'checkpointReached' ? [one.value.id] : [],
    );
    expect(reached).toEqual(ids);
    expect([...watcher.mirror.entities.keys()]).toEqual([`${ObservedKind.JOB}/a`]);
  });

  it('refuses a checkpoint with a too long id', async () => {
    const watcher = watch();
    watcher.ask('x'.repeat(257));
    await watcher.until(() => watcher.code !== undefined);
    expect(watcher.code).toBe(status.INVALID_ARGUMENT);
    expect(watcher.details).toContain('checkpoint.id: must have at most 256 characters, has 257');
  });
});
