/*
 * What snapshots are made with runs over an invented cell before a gateway serves. The first subscriber after a restart would
 * otherwise wait twice as long for a full cell as all later ones, while V8 finds out what to compile.
 */
import { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { EntityKind, EntityRecords } from '@berth/shared/model/entity';
import { CellTables } from '@berth/shared/store/cell-tables';
import { decodeEntity, encodeRecord, fieldOf } from '@berth/shared/store/codec';
import { EMPTY } from 'rxjs';
import { observedKinds, type Selection, selectedEntities, snapshotKinds } from './core/cell-news.js';
import { liveJobs } from './core/observe.js';
import { jobMessages } from './job-stream.js';
import { later, nextSnapshotBurst } from './message-packing.js';
import type { ChangingView } from './observe-hub.js';
import { snapshotMessages } from './observe-service/news-encoding.js';
import { CellMoments } from './past-view.js';
import type { Unwritten } from './splice.js';

const jobs = 300;
const tasksPerJob = 10;
/** Each time all of the invented cell. With these V8 has compiled what it is going to compile; it takes some 100 ms. */
const times = 4;

const everything: Selection = { kinds: new Set(observedKinds), filter: undefined };

/** Makes snapshots of an invented cell and throws them away. Returns how many bytes they had. */
export function warmUpSnapshots(): number {
  const view = inventedCell();
  const moments = new CellMoments(view);
  let bytes = 0;
  for (let time = 0; time < times; time += 1) {
    const cell = moments.take(snapshotKinds(everything));
    bytes += drain(snapshotMessages(selectedEntities(cell, everything), { job: true, task: true }));
    cell.close();
    const ofJobs = moments.take(['job']);
    bytes += drain(jobMessages(liveJobs(ofJobs)));
    ofJobs.close();
  }
  moments.close();
  return bytes;
}

function drain(messages: Iterator<Unwritten>): number {
  let bytes = 0;
  for (;;) {
    const burst = nextSnapshotBurst(messages);
    if (burst === undefined || burst === later) return bytes;
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
