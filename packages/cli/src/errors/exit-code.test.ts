import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, aTask, jobId } from '../testing/fixtures.js';
import { exitCodeOfJob, exitCodeOfTask } from './exit-code.js';

const failed = (part: string, reason: string, context: Record<string, string> = {}) =>
  aTask(part, State.FAILED, reason, context);

describe('the exit code of a job', () => {
  it('is 0 if the job finished normally', () => {
    expect(exitCodeOfJob(aJob({ state: State.FINISHED, reason: 'normal' }), [])).toBe(0);
  });

  it('is 143 if the job was killed', () => {
    expect(exitCodeOfJob(aJob({ state: State.FINISHED, reason: 'killed: by ann' }), [])).toBe(143);
  });

  it('is the exit code of its only failed task', () => {
    const tasks = [aTask('0-0', State.FINISHED, 'normal'), failed('1-0', 'failed: exit code 3')];
    expect(exitCodeOfJob(aJob({ state: State.FAILED, reason: 'failed' }), tasks)).toBe(3);
  });

  it('is the common exit code of all failed tasks, and 1 if they differ', () => {
    const job = aJob({ state: State.FAILED, reason: 'failed' });
    const three = failed('0-0', 'failed: exit code 3');
    expect(exitCodeOfJob(job, [three, failed('1-0', 'failed: exit code 3')])).toBe(3);
    expect(exitCodeOfJob(job, [three, failed('1-0', 'failed: exit code 4')])).toBe(1);
  });

  it('ignores replaced attempts', () => {
    const tasks = [
      failed('0-0', 'failed: exit code 9'),
      failed('0-1', 'failed: exit code 4', { 'task.resubmitOf': `${jobId}.0-0` }),
    ];
    expect(exitCodeOfJob(aJob({ state: State.FAILED, reason: 'failed' }), tasks)).toBe(4);
  });

  it('is 1 if the job failed and its tasks are unknown', () => {
    expect(exitCodeOfJob(aJob({ state: State.FAILED, reason: 'failed' }), [])).toBe(1);
  });
});

describe('the exit code of a failed task', () => {
  it.each([
    ['failed: exit code 42', 42],
    ['failed: signal 9', 1],
    ['failed', 1],
    ['oom: memory limit', 137],
    ['runtimeLimitExceeded', 124],
    ['invalidRequest: no such image', 125],
    ['agentLost', 125],
    ['systemError: disk full', 125],
  ])('for %s is %i', (reason, code) => {
    expect(exitCodeOfTask(failed('0-0', reason))).toBe(code);
  });

  it('prefers the task context to the text of the reason', () => {
    expect(exitCodeOfTask(failed('0-0', 'failed: it said exit code 7', { 'task.exitCode': '5' }))).toBe(5);
  });
});
