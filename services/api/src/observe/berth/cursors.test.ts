import type { ObserveRequest_Subscription } from '@berth/shared/gen/berth/v1/observe_service';
import { type DeepPartial, ObservedKind } from '@berth/shared/gen/berth/v1/observe_service';
import { systemClock } from '@berth/shared/process/clock';
import type { CellStore, LogRead } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CellMirror } from '../../testing/cell-mirror.js';
import { CellWatcher } from '../../testing/cell-watcher.js';
import { readingBy, withLogReaders } from '../../testing/log-readers.js';
import { decide, RunningGateway } from '../../testing/running-gateway.js';
import { jobWrite, wideTaskWrite } from '../../testing/scripted-cell.js';

let store: MemoryStore;
let gateway: RunningGateway | undefined;
const watchers: CellWatcher[] = [];

beforeEach(() => {
  store = new MemoryStore({ clock: systemClock });
});
afterEach(async () => {
  for (const watcher of watchers.splice(0)) watcher.close();
  await gateway?.close();
  gateway = undefined;
  await store.close();
});

function watch(
  subscription: DeepPartial<ObserveRequest_Subscription> = {},
  mirror?: CellMirror,
): CellWatcher {
  const watcher = new CellWatcher(`127.0.0.1:${gateway?.gateway.grpcPort}`, subscription, mirror);
  watchers.push(watcher);
  return watcher;
}

/** Wraps a store. Its followers of the log get their reads only after `held` has resolved. */
function lateFollowing(target: MemoryStore, held: () => Promise<void> | undefined): CellStore {
  const late = async (read: () => Promise<LogRead>) => {
    const entries = await read();
    await held();
    return entries;
  };
  return withLogReaders(target, (options) =>
    options.follows === true ? readingBy(target.openLogReader(), late) : target.openLogReader(),
  );
}

describe('the position of a subscriber', () => {
  it('does not go back at a checkpoint that waited during a stall', async () => {
    gateway = await RunningGateway.start(store);
    await decide(store, [jobWrite('a')]);
    const [fast, slow] = [watch(), watch()];
    for (const watcher of [fast, slow]) await watcher.until(() => watcher.mirror.isLive);
    slow.pause();
    for (let count = 0; count < 200; count += 1) {
      await decide(
        store,
        Array.from({ length: 20 }, (_, slot) => wideTaskWrite(slot, count)),
      );
      await fast.caughtUp();
      if (count === 150) slow.ask('early');
    }
    slow.resume();
    // The mirror fails if a position goes back.
    await slow.until(() => slow.hasReached('early'));
    await slow.caughtUp();
  });

  it('in an empty cell is valid at another gateway', async () => {
    gateway = await RunningGateway.start(store);
    const first = watch();
    await first.until(() => first.mirror.isLive);
    const resumeFrom = first.mirror.resume();
    expect(resumeFrom).toEqual({ revision: 0, commitId: '' });
    await gateway.close();
    await decide(store, [jobWrite('a')]);
    gateway = await RunningGateway.start(store);
    const second = watch({ resumeFrom }, first.mirror);
    await second.caughtUp();
    expect(second.mirror.resets).toBe(0);
    expect([...second.mirror.entities.keys()]).toEqual([`${ObservedKind.JOB}/a`]);
  });
});

describe('a checkpoint', () => {
  it('is answered after all earlier commits, even if the cell is reset in the meantime', async () => {
    for (let count = 0; count < 5; count += 1) await decide(store, [jobWrite(`old${count}`)]);
    let held: Promise<void> | undefined;
    gateway = await RunningGateway.start(lateFollowing(store, () => held));
    const watcher = watch();
    await watcher.until(() => watcher.mirror.isLive);
    // Redis returns nothing to a blocked reader while the new log is shorter than the old one.
    let release = () => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    store.clear();
    await decide(store, [jobWrite('new')]);
    watcher.ask('after');
    // The gateway has read the request for the checkpoint before a later stream is live.
    const later = watch();
    await later.until(() => later.mirror.isLive);
    expect(watcher.hasReached('after')).toBe(false);
    release();
    await watcher.until(() => watcher.hasReached('after'));
    expect([...watcher.mirror.entities.keys()]).toEqual([`${ObservedKind.JOB}/new`]);
  });
});
