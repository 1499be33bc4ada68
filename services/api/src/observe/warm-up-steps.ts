/*
 * What streams begin with, snapshots and what was missed, is made of an invented cell before a gateway serves. The first
 * subscriber after a restart would otherwise wait twice as long for a full cell as all later ones, and everybody else with it,
 * while V8 finds out what to compile.
 */
import { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { EntityKind, EntityRecords } from '@berth/shared/model/cell/entity';
import { CellTables } from '@berth/store/replica';
import { decodeEntity, encodeRecord, fieldOf } from '@berth/store/wire';
import { EMPTY } from 'rxjs';
import { liveJobs } from '../gateway/core/job-with-tasks.js';
import type { ChangingView } from '../gateway/views/changing-view.js';
import { PointInTimeViews } from '../gateway/views/point-in-time-view.js';
import { encodedMessages, type PendingMessage } from '../tuning/encoding/pending-message.js';
import {
  type CellSelection,
  observedKinds,
  selectedEntities,
  snapshotKinds,
} from './berth/core/cell-changes.js';
import { snapshotMessages } from './berth/encoding/change-encoding.js';
import { backfillMessages } from './berth/resume/backfill.js';
import type { MissedCommit } from './berth/resume/missed-commits.js';
import { nextSnapshotBurst, notReady } from './stream/message-packing.js';
import { jobMessages } from './titus/job-stream.js';

const jobs = 300;
const tasksPerJob = 10;
/** Each time all of the invented cell. With these V8 has compiled what it is going to compile; it takes some 100 ms. */
const times = 4;

const everything: CellSelection = { kinds: new Set(observedKinds), filter: undefined };
const whole = { job: true, task: true } as const;

/** Changes of a commit. */
const changesPerCommit = 16;

/** Makes what streams begin with of an invented cell, and throws it away. Returns how many bytes it had. */
export function warmUpStreams(): number {
  const view = inventedCell();
  const pointInTimeViews = new PointInTimeViews(view);
  const commits = inventedCommits(view);
  let bytes = 0;
  for (let time = 0; time < times; time += 1) {
    const cell = pointInTimeViews.take(snapshotKinds(everything));
    bytes += drain(snapshotMessages(selectedEntities(cell, everything), whole));
    cell.close();
    const ofJobs = pointInTimeViews.take(['job']);
    bytes += drain(jobMessages(liveJobs(ofJobs)));
    ofJobs.close();
    bytes += drain(encodedMessages(backfillMessages(commits, everything, whole)));
  }
  pointInTimeViews.close();
  return bytes;
}

/** All tasks of the cell, each changed once. */
function inventedCommits(view: ChangingView): readonly MissedCommit[] {
  const writes = Array.from(view.all('task'), ({ kind, id, bytes }) => {
    return { field: fieldOf(kind, id), revision: 1, bytes };
  });
  return Array.from({ length: Math.ceil(writes.length / changesPerCommit) }, (_, index) => {
    const at = index * changesPerCommit;
    return {
      revision: index + 1,
      commitId: `c${index}`,
      atMs: 1,
      writes: writes.slice(at, at + changesPerCommit),
    };
  });
}

function drain(messages: Iterator<PendingMessage>): number {
  let bytes = 0;
  for (;;) {
    const burst = nextSnapshotBurst(messages);
    if (burst === undefined || burst === notReady) return bytes;
    bytes += burst.byteLength;
    burst.release?.();
  }
}

function inventedCell(): ChangingView {
  const tables = new CellTables();
  const put = <K extends EntityKind>(kind: K, id: string, record: EntityRecords[K]) => {
    const entity = decodeEntity({ field: fieldOf(kind, id), revision: 1, bytes: encodeRecord(kind, record) });
    if (entity !== undefined) tables.put(entity);
  };
  const descriptor = JobDescriptor.fromPartial({ appName: 'invented' });
  const state = { state: State.RUNNING };
  for (let index = 0; index < jobs; index += 1) {
    const jobId = `job${index}`;
    put('job', jobId, JobRecord.fromPartial({ id: jobId, descriptor }));
    put('jobStatus', jobId, JobStatusRecord.fromPartial({ jobId, state }));
    for (let slot = 0; slot < tasksPerJob; slot += 1) {
      const id = `${jobId}.${slot}-0`;
      const task = { id, state, taskContext: { text: 'x'.repeat(500) } };
      put('task', id, TaskRecord.fromPartial({ jobId, slot, task }));
    }
  }
  return {
    revision: 1,
    changes$: EMPTY,
    find: (kind, id) => tables.find(kind, id),
    all: (kind) => tables.all(kind),
    count: (kind) => tables.count(kind),
    tasksOf: (jobId) => tables.tasksOf(jobId),
  };
}
