import { expect } from 'vitest';
import type { CheckedStream } from './checked-stream.js';
import { isJobOver } from './jobs.js';
import type { TitusCaller } from './titus-caller.js';

/**
 * Expects that a stream has sent the same of a job as FindJob shows: each task, the definition, and the end.
 */
export async function expectAgreement(
  stream: CheckedStream,
  caller: TitusCaller,
  jobId: string,
): Promise<void> {
  const job = await caller.find(jobId);
  const sent = stream.model.jobs.get(jobId);
  expect(sent?.isFinished).toBe(isJobOver(job));
  expect(sent?.descriptor).toEqual(job.jobDescriptor);
  // Replaced tasks of a live job leave after some time; the stream still knows them.
  const known = job.tasks.map((task) => stream.tasks.get(task.id));
  expect(known).toEqual(job.tasks);
}
