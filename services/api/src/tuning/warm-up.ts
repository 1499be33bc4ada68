/*
 * Problem: after a restart all subscribers come back at once, and V8 has not compiled the code of snapshots
 * and backfills yet.
 * Figure: the first snapshot of a full cell took twice as long as all later ones. The warm-up takes some
 * 100 ms at the start.
 * Benchmark: `npm run bench -- observe --only snapshot,resume` shows the warm figures.
 * Off: `BERTH_API_TUNING=off` starts without it.
 */
import { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Write } from '@berth/store';
import { CellTables } from '@berth/store/replica';
import { EMPTY } from 'rxjs';
import type { ChangingView } from '../gateway/views/changing-view.js';

const jobs = 300;
const tasksPerJob = 10;
/** Each step runs so often over the whole invented cell. Then V8 has compiled it. */
const times = 4;

/** Does the work of a stream over an invented cell. Returns the bytes that it made. */
export type WarmUpStep = (cell: ChangingView) => number;

/** Runs the steps over an invented cell. Returns the bytes that they made. */
export function warmUp(steps: readonly WarmUpStep[]): number {
  const cell = inventedCell();
  let bytes = 0;
  for (let time = 0; time < times; time += 1) for (const step of steps) bytes += step(cell);
  return bytes;
}

function inventedCell(): ChangingView {
  const tables = new CellTables();
  const writes: Write[] = [];
  const descriptor = JobDescriptor.fromPartial({ appName: 'invented' });
  const state = { state: State.RUNNING };
  for (let index = 0; index < jobs; index += 1) {
    const jobId = `job${index}`;
    writes.push({ kind: 'job', id: jobId, record: JobRecord.fromPartial({ id: jobId, descriptor }) });
    writes.push({ kind: 'jobStatus', id: jobId, record: JobStatusRecord.fromPartial({ jobId, state }) });
    for (let slot = 0; slot < tasksPerJob; slot += 1) {
      const id = `${jobId}.${slot}-0`;
      const task = { id, state, taskContext: { text: 'x'.repeat(500) } };
      writes.push({ kind: 'task', id, record: TaskRecord.fromPartial({ jobId, slot, task }) });
    }
  }
  tables.commit(1, writes);
  return {
    revision: 1,
    changes$: EMPTY,
    find: (kind, id) => tables.find(kind, id),
    all: (kind) => tables.all(kind),
    count: (kind) => tables.count(kind),
    tasksOf: (jobId) => tables.tasksOf(jobId),
  };
}
