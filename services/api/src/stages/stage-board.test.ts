import { WatchStagesResponse } from '@berth/shared/gen/berth/v1/stage_service';
import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CommitChanges } from '@berth/shared/model/change';
import { silentLogger } from '@berth/shared/process/logger';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { notificationsOf } from '../core/observe.js';
import { ObserveHub } from '../observe-hub.js';
import { aMantisJob } from '../testing/fixtures.js';
import { jobWrite, moveWrite, ScriptedCell, statusWrite, taskWrite } from '../testing/scripted-cell.js';
import { StageBoards, type StageWatcher } from './stage-board.js';

/** What a watcher is told: stage and number of workers, or the end. */
class Recorder implements StageWatcher {
  readonly told: (readonly [number, number] | 'end')[] = [];
  show(stage: number, bytes: Buffer): void {
    this.told.push([stage, WatchStagesResponse.decode(bytes).stage?.workers.length ?? -1]);
  }
  end(): void {
    this.told.push('end');
  }
}

describe('the board of a job’s stages', () => {
  it('shows the last state to who comes between the end of the job and the word of it', () => {
    const [cell, changes] = [new ScriptedCell(), new Subject<CommitChanges>()];
    const view = Object.assign(cell, { changes$: changes });
    const hub = new ObserveHub({ notificationsOf, topicOf: ({ jobId }) => jobId }, view, silentLogger);
    const boards = new StageBoards(cell, hub);
    const { record } = taskWrite('job0.1-0-0', { stage: 1 });
    const running = moveWrite(record, State.RUNNING);
    changes.next(cell.commit(jobWrite('job0', { descriptor: aMantisJob() }), running));
    const [early, late] = [new Recorder(), new Recorder()];
    const leaveEarly = boards.watch('job0', early);
    const ended = moveWrite(running.record, State.FINISHED, 'killed');
    changes.next(cell.commit(ended, statusWrite('job0', State.FINISHED, 'killed')));
    const leaveLate = boards.watch('job0', late);
    expect(late.told).toEqual([[1, 0], [2, 0], 'end']);
    expect(early.told).toEqual([[1, 1], [2, 0], [1, 0], 'end']);
    leaveEarly();
    leaveLate();
  });
});
