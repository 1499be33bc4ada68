import { EventEmitter } from 'node:events';
import { ObserveRequest, ObserveResponse } from '@berth/shared/gen/berth/v1/observe_service';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { systemClock } from '@berth/shared/process/clock';
import { silentLogger } from '@berth/shared/process/logger';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { LogRead, LogReader, Write } from '@berth/store';
import { RecentCommits } from '@berth/store/recent';
import { Subject } from 'rxjs';
import { expect, it } from 'vitest';
import { PointInTimeViews } from '../../gateway/views/point-in-time-view.js';
import { jobWrite, ScriptedCell } from '../../testing/scripted-cell.js';
import { tuned } from '../../tuning/observe-tuning.js';
import { Bookmarks } from './checkpoints/bookmarks.js';
import { isRelevant } from './core/cell-changes.js';
import { parseObserveRequest } from './core/observe-request.js';
import { FeedPool } from './feed-pool.js';
import { type CellObserveDeps, observeCell } from './observe.js';

/** A cell that emits its commits as a replica does. */
class EmittingCell extends ScriptedCell {
  readonly changes$ = new Subject<CommitChanges>();

  get head() {
    return { revision: this.revision, commitId: `c${this.revision}` };
  }

  emit(...writes: readonly Write[]): void {
    this.changes$.next(this.commit(...writes));
  }
}

/** A subscriber's end of the call: reads everything at once. */
class FastCall extends EventEmitter {
  readonly kinds: string[] = [];

  write(message: Buffer | { messages(): Buffer[] }, onFlushed?: () => void): boolean {
    for (const one of Buffer.isBuffer(message) ? [message] : message.messages()) {
      const { response } = ObserveResponse.decode(one);
      if (response !== undefined) this.kinds.push(response.$case);
    }
    setImmediate(() => onFlushed?.());
    return true;
  }

  pause(): void {}
  resume(): void {}

  /** Asks for all changes after the position. */
  resumeFrom(revision: number): void {
    const value = { resumeFrom: { revision, commitId: `c${revision}` } };
    this.emit('data', ObserveRequest.fromPartial({ request: { $case: 'subscription', value } }));
  }
}

/** Adds as many subscribers as get a batch in one turn. Subscribers after them get it later. */
function keepTurnBusy(feeds: FeedPool): void {
  const parsed = parseObserveRequest({
    kinds: [],
    filteringCriteria: {},
    resumeFrom: undefined,
    jobFields: [],
    taskFields: [],
    bookmarkIntervalMs: 0,
    countTasksBy: [],
  });
  if (!('subscription' in parsed)) throw new Error('a subscription');
  const { hub } = feeds.acquire(parsed.subscription);
  for (let count = 0; count < 64; count += 1) hub.subscribeAll({ offer: () => {}, fail: () => {} });
}

it('sends a restarted stream no change that its snapshot holds', async () => {
  const replica = new EmittingCell();
  replica.commit(jobWrite('a'));
  replica.commit(jobWrite('b'));
  const recent = new RecentCommits(replica, { isRelevant });
  const feeds = new FeedPool(replica, silentLogger, tuned);
  let answer: (read: LogRead) => void = () => undefined;
  const openLogReader = (): LogReader => ({
    head: async () => replica.head,
    scan: async function* () {},
    readLog: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
    close: async () => {},
  });
  const bookmarks = new Bookmarks(
    () => 0,
    () => recent.last,
  );
  const observing = {
    tuning: tuned,
    cell: { read: async () => replica, pointInTimeViews: new PointInTimeViews(replica) },
    history: { replica, recent, openLogReader },
    feeds,
    bookmarks,
    storeHead: {},
    clock: systemClock,
    streams: new Set(),
  } as unknown as CellObserveDeps;
  keepTurnBusy(feeds);
  let end: (reason: Error) => void = () => undefined;
  const call = {
    caller: { id: 'ada' },
    signal: new AbortController().signal,
    onAbort: (listener: (reason: Error) => void) => {
      end = listener;
    },
    offAbort: () => {},
    setTrailer: () => {},
  } as unknown as CallContext;
  const subscriber = new FastCall();
  const ended = observeCell(observing, call, subscriber as never);
  subscriber.resumeFrom(1);
  const turn = () => new Promise(setImmediate);
  await turn();
  await turn();
  replica.emit(jobWrite('c'));
  await Promise.resolve();
  answer({ ok: false, reason: 'trimmed' });
  for (let count = 0; count < 5; count += 1) await turn();
  end(new Error('that was all'));
  await expect(ended).rejects.toThrow('that was all');
  bookmarks.close();
  expect(subscriber.kinds).toEqual(['reset', 'snapshot', 'snapshotEnd']);
});
