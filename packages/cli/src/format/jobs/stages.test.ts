import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, aStagedJob, aWorker, createdAtMs } from '../../testing/fixtures.js';
import { jobDetail } from './detail.js';

const plain = (_style: unknown, text: string) => text;

describe('the details of a job with stages', () => {
  const tasks = [aWorker('1-0-0', 1), aWorker('2-0-0', 2), aWorker('2-1-0', 3, State.STARTING)];
  const lines = jobDetail({ job: aStagedJob(tasks), tasks: tasks }, {}, createdAtMs, plain);

  it('have a line for each stage', () => {
    const at = lines.indexOf('Stages');
    expect(lines.slice(at + 1, at + 4).map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['STAGE', 'CONTAINER', 'RUNNING', 'MIN', 'MAX', 'SCALES BY'],
      ['1', 'read', '1/1', '0', '-', '-'],
      ['2', 'count', '1/2', '1', '8', 'CPU'],
    ]);
  });

  it('explain the wait of a stage without tasks', () => {
    const waits = (job = aStagedJob(), ...some: typeof tasks) =>
      jobDetail({ job: job, tasks: some }, {}, createdAtMs, plain).filter((line) =>
        line.includes('has not begun'),
      );
    expect(waits(aStagedJob(), aWorker('1-0-0', 1, State.STARTING))).toEqual([
      '  Stage 2 has not begun: it waits until all tasks of stage 1 run (0 of 1 do), or until the time limit of the wait is over.',
    ]);
    expect(waits(aStagedJob(), ...tasks)).toEqual([]);
    expect(waits({ ...aStagedJob(), jobState: { state: State.FINISHED, reason: 'killed' } })).toEqual([]);
  });

  it('show the limits of the life of the job, and its type', () => {
    expect(
      lines
        .map((line) => line.split(/ {2,}/))
        .filter(([label]) => /^(Type|Runtime|Transient|User type)$/.test(label ?? '')),
    ).toEqual([
      ['Type', 'mantis, 3 wanted in 2 stages'],
      ['Runtime', 'at most 2h, from its submission'],
      ['Transient', 'ends 5m after its last subscriber, not before 1m'],
      ['User type', 'clicks'],
    ]);
  });

  it('have no stages for other jobs', () => {
    expect(jobDetail({ job: aJob(), tasks: [] }, {}, createdAtMs, plain)).not.toContain('Stages');
  });
});
