import { MemoryStore } from '@berth/store/memory';
import { RecentCommits, StoredChange } from '@berth/store/recent';
import { Replica } from '@berth/store/replica';
import { expect, it, vi } from 'vitest';
import { tuned } from '../../../tuning/observe-tuning.js';
import { notReady } from '../../snapshot/initial-messages.js';
import { isRelevant, observedKinds } from '../core/cell-changes.js';
import { BackfillMessages } from './backfill.js';
import { MissedCommits } from './missed-commits.js';

it('a backfill that cannot be decoded ends with a reason, and throws nothing at the stream', async () => {
  const store = new MemoryStore();
  const replica = await Replica.start(store.openLogReader());
  const recent = new RecentCommits(replica, { isRelevant });
  const commits = new MissedCommits(
    { replica, recent, openLogReader: () => store.openLogReader() },
    { revision: 0, commitId: '' },
    { revision: 1, commitId: 'broken' },
  );
  const name = { kind: 'cluster', id: 'c' } as const;
  const broken = new StoredChange(name, { revision: 1, bytes: Uint8Array.of(0x0a, 0x7f) });
  vi.spyOn(commits, 'next').mockReturnValue({
    commits: [{ revision: 1, commitId: 'broken', atMs: 1, changes: [broken] }],
  });
  const onEnd = vi.fn();
  const missed = new BackfillMessages({
    commits,
    selection: { kinds: new Set(observedKinds), filter: undefined },
    format: { job: true, task: true, encoder: tuned.changes },
    onSentPiece: () => {},
    onMore: () => {},
    onEnd,
  });
  expect(missed.next()).toEqual({ done: false, value: notReady });
  expect(onEnd).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(onEnd).toHaveBeenCalledTimes(1));
  expect(onEnd).toHaveBeenCalledWith({
    reason: expect.stringMatching(/^what was missed cannot be decoded: ./),
  });
  missed.return();
  recent.close();
  await replica.close();
  await store.close();
});
