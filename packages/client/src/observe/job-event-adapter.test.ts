import { type JobChangeNotification, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { cellEvents, changes } from '../testing/cell-events.js';
import { JobEventAdapter } from './job-event-adapter.js';
import type { CellEvent } from './resume-point.js';

const { bookmark, commit, outOfTurn, reset, snapshot, snapshotEnd } = cellEvents;
const { job, jobStatus, task } = changes;

/** Returns the messages for these events, after an empty snapshot at revision 1. */
function messagesAfterSnapshot(...events: readonly CellEvent[]): readonly JobChangeNotification[] {
  const adapter = new JobEventAdapter();
  adapter.messagesOf(snapshotEnd(1));
  return events.flatMap((event) => adapter.messagesOf(event));
}

const kinds = (messages: readonly JobChangeNotification[]) =>
  messages.map(({ notification }) => notification?.$case);

describe('JobEventAdapter', () => {
  it('forgets at a reset the jobs of an incomplete snapshot', () => {
    const messages = messagesAfterSnapshot(
      snapshot(job('gone'), jobStatus('gone', State.RUNNING)),
      reset,
      snapshot(job('a'), jobStatus('a', State.RUNNING)),
      snapshotEnd(9),
    );
    const ids = messages.flatMap(({ notification }) =>
      notification?.$case === 'jobSnapshot' ? [notification.value.job?.id] : [],
    );
    expect(ids).toEqual(['a']);
  });

  it('sends a job before its tasks, also if both come out of turn', () => {
    // Revision 2 made the job and 3 its task; 4 changed the job, and this change replaced the one of 2.
    const messages = messagesAfterSnapshot(outOfTurn(3, task('a.0-0')), outOfTurn(4, job('a')), bookmark(4));
    expect(kinds(messages)).toEqual(['jobDefinitionUpdate', 'taskUdate']);
  });

  it('sends the newest version of a task that came before its job', () => {
    const events = [outOfTurn(3, task('a.0-0')), outOfTurn(5, task('a.0-0', State.FINISHED))];
    const [, update] = messagesAfterSnapshot(...events, outOfTurn(6, job('a')), bookmark(6));
    expect(update?.notification).toMatchObject({
      $case: 'taskUdate',
      value: { task: { state: { state: State.FINISHED } } },
    });
  });

  it('sends nothing of a task without a job', () => {
    expect(messagesAfterSnapshot(outOfTurn(3, task('a.0-0')), bookmark(4))).toEqual([]);
  });

  it('sends the end of a job after all its other changes, also if the stream broke out of turn', () => {
    const messages = messagesAfterSnapshot(
      commit(2, job('a'), task('a.0-0'), jobStatus('a', State.RUNNING)),
      outOfTurn(20, jobStatus('a', State.FINISHED)),
      // The stream broke here, and resumes after 2.
      commit(11, job('b')),
      commit(20, task('a.0-0', State.FINISHED)),
    );
    expect(kinds(messages)).toEqual([
      'jobDefinitionUpdate',
      'taskUdate',
      'jobDefinitionUpdate',
      'taskUdate',
      'jobFinished',
    ]);
  });
});
