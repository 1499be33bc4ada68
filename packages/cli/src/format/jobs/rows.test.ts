import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import type { TableCell } from '../../terminal/table.js';
import { aJob, aTask, aWorker, createdAtMs, jobId } from '../../testing/fixtures.js';
import { jobRow, taskHeadings, taskRow, taskTable } from './rows.js';

const texts = (cells: readonly TableCell[]) =>
  cells.map((cell) => (typeof cell === 'string' ? cell : cell.text));
const nowMs = createdAtMs + 185_000;

describe('the row of a job', () => {
  it('counts running and done tasks, without the replaced ones', () => {
    const tasks = [
      aTask('0-0', State.FAILED, 'failed: exit code 1'),
      aTask('0-1', State.RUNNING, '', { 'task.resubmitOf': `${jobId}.0-0` }),
      aTask('1-0', State.FINISHED, 'normal'),
      aTask('2-0', State.FAILED, 'oom'),
    ];
    const row = jobRow(aJob({ tasks, desired: 3 }), nowMs);
    expect(texts(row)).toEqual([
      jobId,
      'web',
      'batch',
      'RUNNING',
      '1/3',
      '1 (1 failed)',
      'default',
      '3m',
      '',
    ]);
  });

  it('counts no done tasks of a service', () => {
    const row = jobRow(
      aJob({ kind: 'service', desired: 2, tasks: [aTask('0-0', State.FAILED, 'oom')] }),
      nowMs,
    );
    expect(texts(row).slice(2, 6)).toEqual(['service', 'RUNNING', '0/2', '-']);
  });

  it('gives the reason of an abnormal end', () => {
    const end = (state: State, reason: string) => texts(jobRow(aJob({ state, reason }), nowMs)).at(-1);
    expect(end(State.FINISHED, 'normal')).toBe('');
    expect(end(State.FINISHED, 'killed: by ann')).toBe('killed: by ann');
  });
});

describe('the row of a task', () => {
  it('gives the host and the ports of the task', () => {
    const context = { 'agent.host': 'host-1', 'task.hostPorts': '8080:32768,53:32769/udp' };
    const row = taskRow(aTask('0-0', State.RUNNING, '', context), nowMs);
    expect(texts(row)).toEqual([`${jobId}.0-0`, 'RUNNING', 'host-1', '8080→32768, 53→32769/udp', '3m', '']);
  });

  it('has dashes for unknown values', () => {
    expect(texts(taskRow(aTask('0-0', State.QUEUED), nowMs)).slice(1, 4)).toEqual(['QUEUED', '-', '-']);
  });
});

describe('a table of tasks', () => {
  it('gives the stage and the place of each task of a stage', () => {
    const { headings, rows } = taskTable([aWorker('2-1-0', 3), aTask('0-0', State.QUEUED)], nowMs);
    expect(headings.slice(0, 5)).toEqual(['TASK', 'STAGE', 'INDEX', 'NUMBER', 'STATE']);
    expect(rows.map((row) => texts(row).slice(0, 5))).toEqual([
      [`${jobId}.2-1-0`, '2', '1', '3', 'RUNNING'],
      [`${jobId}.0-0`, '-', '-', '-', 'QUEUED'],
    ]);
  });

  it('has no column of stages for a job without stages', () => {
    expect(taskTable([aTask('0-0', State.QUEUED)], nowMs).headings).toBe(taskHeadings);
  });
});
