import { expect } from 'vitest';
import type { CheckedStream } from './checked-stream.js';
import { isJobOver } from './jobs.js';
import type { TitusCaller } from './titus-caller.js';

/** Expects that a stream has told of a job what FindJob shows: each task as it is, the definition, and whether it has ended. */
export async function expectAgreement(
  stream: CheckedStream,
  caller: TitusCaller,
  jobId: string,
): Promise<void> {
  const job = await caller.find(jobId);
  const told = stream.model.jobs.get(jobId);
  expect(told?.isFinished).toBe(isJobOver(job));
  expect(told?.descriptor).toEqual(job.jobDescriptor);
  // Of a live job, replaced tasks leave after some time; the stream still knows them.
  const known = job.tasks.map((task) => stream.tasks.get(task.id));
  expect(known).toEqual(job.tasks);
}
