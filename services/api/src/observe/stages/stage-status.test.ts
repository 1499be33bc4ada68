import { WatchStagesResponse } from '@berth/shared/gen/berth/v1/stage_service';
import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { silentLogger } from '@berth/shared/process/logger';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { aMantisJob } from '../../testing/fixtures.js';
import { jobWrite, moveWrite, ScriptedCell, statusWrite, taskWrite } from '../../testing/scripted-cell.js';
import { ObserveHub } from '../stream/observe-hub.js';
import { jobNotificationsOf } from '../titus/core/job-notifications.js';
import { StageStatuses, type StageWatcher } from './stage-status.js';

/** Records the watcher's calls: stage and number of workers, or the end. */
class Recorder implements StageWatcher {
  readonly shown: (readonly [number, number] | 'end')[] = [];
  show(stage: number, bytes: Buffer): void {
    this.shown.push([stage, WatchStagesResponse.decode(bytes).stage?.workers.length ?? -1]);
  }
  end(): void {
    this.shown.push('end');
  }
}

function openStatuses() {
  const [cell, changes] = [new ScriptedCell(), new Subject<CommitChanges>()];
  const view = Object.assign(cell, { changes$: changes });
  const hub = new ObserveHub(
    { notificationsOf: jobNotificationsOf, topicOf: ({ jobId }) => jobId },
    view,
    silentLogger,
    64,
  );
  return { cell, changes, stageStatuses: new StageStatuses(cell, hub) };
}

describe('the status of a job’s stages', () => {
  it('shows the last state to a watcher that joins just before the end is reported', () => {
    const { cell, changes, stageStatuses } = openStatuses();
    const { record } = taskWrite('job0.1-0-0', { stage: 1 });
    const running = moveWrite(record, State.RUNNING);
    changes.next(cell.commit(jobWrite('job0', { descriptor: aMantisJob() }), running));
    const [early, late] = [new Recorder(), new Recorder()];
    const leaveEarly = stageStatuses.watch('job0', early);
    const ended = moveWrite(running.record, State.FINISHED, 'killed');
    changes.next(cell.commit(ended, statusWrite('job0', State.FINISHED, 'killed')));
    const leaveLate = stageStatuses.watch('job0', late);
    expect(late.shown).toEqual([[1, 0], [2, 0], 'end']);
    expect(early.shown).toEqual([[1, 1], [2, 0], [1, 0], 'end']);
    leaveEarly();
    leaveLate();
  });

  it('shows the reason why a stage waits, until it begins or the job is to end', () => {
    const { cell, changes, stageStatuses } = openStatuses();
    const waits = () => {
      const shown: unknown[] = [];
      const note = (_: number, bytes: Buffer) => shown.push(WatchStagesResponse.decode(bytes).stage?.wait);
      stageStatuses.watch('job0', { show: note, end: () => {} })();
      return shown;
    };
    const job = jobWrite('job0', { descriptor: aMantisJob() });
    const { record } = taskWrite('job0.1-0-0', { stage: 1 });
    changes.next(cell.commit(job, moveWrite(record, State.STARTING)));
    expect(waits()).toEqual([undefined, { stage: 1, running: 0, wanted: 1 }]);
    changes.next(cell.commit(taskWrite('job0.2-0-0', { stage: 2 })));
    expect(waits()).toEqual([undefined, undefined]);
    const killed = { ...job.record, id: 'job1', kill: { atMs: 1, by: 'ada' } };
    changes.next(cell.commit({ ...job, id: 'job1', record: killed }));
    stageStatuses.watch('job1', {
      show: (_, bytes) => expect(WatchStagesResponse.decode(bytes).stage?.wait).toBeUndefined(),
      end: () => {},
    })();
  });
});
