import type { RetryPolicy } from '@berth/shared/gen/netflix/titus/titus_base';
import { Job } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, aTask, createdAtMs } from '../../testing/fixtures.js';
import { portsOf, whereabouts } from './job-facts.js';
import { retryText, taskRetryText } from './retries.js';
import { taskRow } from './rows.js';

function withPolicy(tasks: Parameters<typeof retryText>[1], policy: RetryPolicy['policy']): Job {
  const value = { instances: { desired: 1 }, retryPolicy: { policy }, containerId: 'main' };
  const { jobDescriptor, ...job } = aJob({ tasks });
  return Job.fromPartial({ ...job, jobDescriptor: { ...jobDescriptor, jobSpec: { $case: 'batch', value } } });
}

const never: RetryPolicy['policy'] = { $case: 'immediate', value: { retries: 0 } };
const later: RetryPolicy['policy'] = {
  $case: 'delayed',
  value: { initialDelayMs: 60_000, delayMs: 60_000, retries: 2 },
};
const nowMs = createdAtMs + 34_000;
const failure = (part: string, reason = 'failed: exit code 1', nextInMs = 0) => {
  const next = { 'task.nextAttemptAt': new Date(nowMs + nextInMs).toISOString() };
  return aTask(part, State.FAILED, reason, nextInMs === 0 ? {} : next);
};
const text = (tasks: Parameters<typeof retryText>[1], policy: RetryPolicy['policy'] = later) =>
  retryText(withPolicy(tasks, policy), tasks, nowMs);

describe('the description of retries', () => {
  it('tells the attempt, the last reason, and the time of the next attempt', () => {
    const failed = failure('0-0', 'failed: exit code 1', 30_000);
    expect(text([failed])).toBe('attempt 1, last: failed: exit code 1, next in 30.0s');
    expect(taskRetryText(failed, [failed], nowMs)).toBe(text([failed]));
    expect(taskRow(failed, nowMs).at(-1)).toBe('failed: exit code 1; next attempt in 30.0s');
  });

  it('tells of an attempt that is on its way', () => {
    const tasks = [failure('0-0'), failure('0-1', 'systemError: no such host'), aTask('0-2', State.STARTING)];
    expect(text(tasks, never)).toBe('attempt 3, last: systemError: no such host');
  });

  it('tells of failures of the system, which come again without retries', () => {
    expect(text([failure('0-23', 'systemError: no such host', 12_000)], never)).toBe(
      'attempt 24, last: systemError: no such host, next in 12.0s',
    );
  });

  it('is empty for tasks that run, ended well or are given up', () => {
    expect(text([failure('0-0'), aTask('0-1', State.RUNNING)])).toBe('');
    expect(text([aTask('0-0', State.FINISHED, 'normal')])).toBe('');
    expect(text([failure('0-0')], never)).toBe('');
    expect(text([failure('0-0'), failure('0-1'), failure('0-2')])).toBe('');
  });

  it('counts the other slots', () => {
    expect(text([failure('0-0'), failure('1-1')])).toMatch(/^attempt 2, .* \(and 1 more\)$/);
  });

  it('is the reason of a live task in a table of tasks', () => {
    const task = aTask('0-1', State.QUEUED);
    expect(taskRow(task, nowMs, { all: [failure('0-0'), task] }).at(-1)).toBe(
      'attempt 2, last: failed: exit code 1',
    );
  });
});

describe('the ports of a task', () => {
  const context = { 'agent.id': 'agent-1', 'agent.host': 'vm', 'task.hostPorts': '8080:32770,9090:32771' };

  it('have the address of the host', () => {
    const task = aTask('0-0', State.RUNNING, '', context);
    expect(portsOf(task, new Map([['agent-1', '127.0.0.1']]))).toBe(
      '8080→127.0.0.1:32770, 9090→127.0.0.1:32771',
    );
    expect(portsOf(task, new Map())).toBe('8080→32770, 9090→32771');
  });

  it('have the address that the agent names for published ports', () => {
    const task = aTask('0-0', State.RUNNING, '', { ...context, 'task.hostAddress': '10.0.0.7' });
    expect(portsOf(task, new Map([['agent-1', '127.0.0.1']]))).toMatch(/^8080→10\.0\.0\.7:32770/);
    const six = aTask('0-0', State.RUNNING, '', { ...context, 'task.hostAddress': 'fd00::7' });
    expect(portsOf(six, new Map())).toMatch(/^8080→\[fd00::7\]:32770/);
    expect(whereabouts(task)).toBe('agent-1 (8080→10.0.0.7:32770, 9090→10.0.0.7:32771)');
  });
});
