/* The work of a stream's first phase, as steps of tuning/warm-up.ts. */
import { StoredChange } from '@berth/store/recent';
import { liveJobs } from '../gateway/core/job-with-tasks.js';
import type { ChangingView } from '../gateway/views/changing-view.js';
import { PointInTimeViews } from '../gateway/views/point-in-time-view.js';
import { encodedMessages, type PendingMessage } from '../tuning/encoding/pending-message.js';
import type { ObserveTuning } from '../tuning/observe-tuning.js';
import type { WarmUpStep } from '../tuning/warm-up.js';
import {
  type CellSelection,
  observedKinds,
  selectedEntities,
  snapshotKinds,
} from './berth/core/cell-changes.js';
import { snapshotMessages } from './berth/encoding/change-encoding.js';
import { backfillMessages } from './berth/resume/backfill.js';
import type { MissedCommit } from './berth/resume/missed-commits.js';
import { notReady } from './snapshot/initial-messages.js';
import { nextSnapshotBurst } from './snapshot/snapshot-burst.js';
import { jobMessages } from './titus/job-stream.js';

const everything: CellSelection = { kinds: new Set(observedKinds), filter: undefined };

const changesPerCommit = 16;

/** Returns the steps that make snapshots of both APIs and a backfill, and throw them away. */
export function warmUpSteps(tuning: ObserveTuning): readonly WarmUpStep[] {
  const format = { job: true, task: true, encoder: tuning.changes } as const;
  return [
    withView((view) => {
      const cell = view.take(snapshotKinds(everything));
      const bytes = drain(snapshotMessages(selectedEntities(cell, everything), format), tuning);
      cell.close();
      return bytes;
    }),
    withView((view) => {
      const ofJobs = view.take(['job']);
      const bytes = drain(jobMessages(liveJobs(ofJobs), tuning), tuning);
      ofJobs.close();
      return bytes;
    }),
    (view) => drain(encodedMessages(backfillMessages(inventedCommits(view), everything, format)), tuning),
  ];
}

function withView(step: (views: PointInTimeViews) => number): WarmUpStep {
  return (cell) => {
    const views = new PointInTimeViews(cell);
    const bytes = step(views);
    views.close();
    return bytes;
  };
}

/** Returns commits that change each task of the cell once. */
function inventedCommits(view: ChangingView): readonly MissedCommit[] {
  const changes = Array.from(view.all('task'), (task) => new StoredChange(task, task));
  return Array.from({ length: Math.ceil(changes.length / changesPerCommit) }, (_, index) => {
    const at = index * changesPerCommit;
    return {
      revision: index + 1,
      commitId: `c${index}`,
      atMs: 1,
      changes: changes.slice(at, at + changesPerCommit),
    };
  });
}

function drain(messages: Iterator<PendingMessage>, tuning: ObserveTuning): number {
  let bytes = 0;
  for (;;) {
    const burst = nextSnapshotBurst(messages, tuning);
    if (burst === undefined || burst === notReady) return bytes;
    bytes += burst.byteLength;
    burst.release?.();
  }
}
