import { expect, it } from 'vitest';
import { aJob, aTask } from '../../testing/fixtures.js';
import { WaitingTasks } from './waiting-tasks.js';

it('keeps tasks of one job and stage together, each with its place among all', () => {
  const staged = aJob({ id: 'staged', stages: [1, 1] });
  const tasks = [
    aTask({ slot: 1 }),
    aTask({ job: staged, stage: 1, workerNumber: 1 }),
    aTask({ slot: 0 }),
    aTask({ job: staged, stage: 2, workerNumber: 2 }),
  ];
  const waiting = new WaitingTasks(tasks);
  waiting.add(aTask({ slot: 1 }));
  const shards = () =>
    [...waiting.shards()].map(({ jobId, stage, ages }) => [jobId, stage, [...ages.values()]]);
  expect(shards()).toEqual([
    ['job-1', 0, [0, 2]],
    ['staged', 1, [1]],
    ['staged', 2, [3]],
  ]);
  waiting.remove('job-1.1-0');
  waiting.remove('staged.1-0-0');
  expect(shards()).toEqual([
    ['job-1', 0, [2]],
    ['staged', 2, [3]],
  ]);
  expect([waiting.size, waiting.endAge, waiting.has('job-1.1-0')]).toEqual([2, 4, false]);
});
