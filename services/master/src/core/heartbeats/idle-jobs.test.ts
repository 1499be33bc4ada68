import { JobStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { silenceMs } from '@berth/shared/model/job/observer-times';
import { toRfc3339 } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aMantisJob, minute, second, t0 } from '../../testing/fixtures.js';
import { idleReason, mayBeIdle, updateSign } from './idle-jobs.js';

const transient = (options: { readonly timeoutSecs?: number; readonly minRuntimeSecs?: number } = {}) =>
  aMantisJob({
    sla: { durationType: 1, minRuntimeSecs: options.minRuntimeSecs ?? 0 },
    ...(options.timeoutSecs === undefined ? {} : { subscriptionTimeoutSecs: options.timeoutSecs }),
  });

const runningSince = (atMs: number) =>
  JobStatusRecord.fromPartial({
    state: { state: 3 },
    stateChanges: [{ state: 'RUNNING', timestamp: toRfc3339(atMs) }],
  });

const never = { mark: undefined, atMs: t0 };

describe('a Transient job that nobody observes', () => {
  it('is over after its timeout, by default 300 s', () => {
    const status = runningSince(t0);
    const job = transient();
    expect(idleReason(job, status, never, t0 + 300 * second + silenceMs - 1)).toBeUndefined();
    expect(idleReason(job, status, never, t0 + 300 * second + silenceMs)).toBe(
      'nobody has observed the job for 300 s',
    );
    const patient = transient({ timeoutSecs: 600 });
    expect(idleReason(patient, status, never, t0 + 300 * second + silenceMs)).toBeUndefined();
  });

  it('goes on for its least runtime', () => {
    const job = transient({ timeoutSecs: 10, minRuntimeSecs: 60 });
    expect(idleReason(job, runningSince(t0), never, t0 + 60 * second - 1)).toBeUndefined();
    expect(idleReason(job, runningSince(t0), never, t0 + 60 * second)).toBeDefined();
  });

  it('is not over before it has begun to run, and has its time from then on', () => {
    const job = transient({ timeoutSecs: 10 });
    expect(idleReason(job, undefined, never, t0 + 60 * minute)).toBeUndefined();
    const late = runningSince(t0 + 60 * minute);
    expect(idleReason(job, late, never, t0 + 60 * minute + 15 * second)).toBeUndefined();
    expect(idleReason(job, late, never, t0 + 60 * minute + 16 * second)).toBeDefined();
  });

  it('has its time anew whenever a subscriber was heard', () => {
    const job = transient({ timeoutSecs: 10 });
    const heard = updateSign(updateSign(never, 5, t0 + minute), 6, t0 + 2 * minute);
    expect(idleReason(job, runningSince(t0), heard, t0 + 2 * minute + 15 * second)).toBeUndefined();
    expect(idleReason(job, runningSince(t0), heard, t0 + 2 * minute + 16 * second)).toBeDefined();
  });

  it('has a new sign of observers only if the mark changes', () => {
    const heard = updateSign(undefined, 5, t0);
    expect(updateSign(heard, 5, t0 + minute)).toBe(heard);
    expect(updateSign(heard, undefined, t0 + minute)).toEqual({ mark: undefined, atMs: t0 + minute });
  });
});

describe('jobs that stay though nobody observes them', () => {
  it('are those that are not Transient, and those that end anyway', () => {
    expect(mayBeIdle(transient(), runningSince(t0))).toBe(true);
    expect(mayBeIdle(aMantisJob(), runningSince(t0))).toBe(false);
    expect(mayBeIdle({ ...transient(), kill: { atMs: t0, by: 'ada' } }, runningSince(t0))).toBe(false);
    expect(mayBeIdle(transient(), JobStatusRecord.fromPartial({ state: { state: 4 } }))).toBe(false);
    expect(idleReason(aMantisJob(), runningSince(t0), never, t0 + 60 * minute)).toBeUndefined();
  });
});
