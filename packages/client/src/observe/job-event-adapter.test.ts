import { type JobChangeNotification, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { cellEvents, changes } from '../testing/cell-events.js';
import { JobEventAdapter } from './job-event-adapter.js';
import type { CellEvent } from './resume-point.js';

const { bookmark, commit, outOfTurn, reset, snapshot, snapshotEnd } = cellEvents;
const { job, jobStatus, task } = changes;

/** All that is told of these events by one who has been told of a cell without jobs, at revision 1. */
function told(...events: readonly CellEvent[]): readonly JobChangeNotification[] {
  const adapter = new JobEventAdapter();
  adapter.messagesOf(snapshotEnd(1));
  return events.flatMap((event) => adapter.messagesOf(event));
}

const kinds = (messages: readonly JobChangeNotification[]) =>
  messages.map(({ notification }) => notification?.$case);

describe('JobEventAdapter', () => {
  it('forgets at a reset the jobs of a snapshot that broke off', () => {
    const messages = told(
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

  it('tells a job before its tasks, also where both are told out of turn', () => {
    // The job was made at 2 and its task at 3; at 4 the job was changed, which took the place of 2.
    const messages = told(outOfTurn(3, task('a.0-0')), outOfTurn(4, job('a')), bookmark(4));
    expect(kinds(messages)).toEqual(['jobDefinitionUpdate', 'taskUdate']);
  });

  it('tells the newest of a task that came before its job', () => {
    const events = [outOfTurn(3, task('a.0-0')), outOfTurn(5, task('a.0-0', State.FINISHED))];
    const [, update] = told(...events, outOfTurn(6, job('a')), bookmark(6));
    expect(update?.notification).toMatchObject({
      $case: 'taskUdate',
      value: { task: { state: { state: State.FINISHED } } },
    });
  });

  it('tells nothing of a task whose job never came', () => {
    expect(told(outOfTurn(3, task('a.0-0')), bookmark(4))).toEqual([]);
  });

  it('tells the end of a job after all that came with it, also where the stream broke off out of turn', () => {
    const messages = told(
      commit(2, job('a'), task('a.0-0'), jobStatus('a', State.RUNNING)),
      outOfTurn(20, jobStatus('a', State.FINISHED)),
      // It broke off here, and goes on after 2.
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
