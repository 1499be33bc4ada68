/*
 * Problem: a page of jobs, and a snapshot, hold thousands of tasks. They are stored in the form in which
 * they are sent.
 * Figure: a page of complete jobs took 3.5 ms, then 3.2 ms, when no message object was made of its tasks.
 * Benchmark: `npm run bench -- query`; `-- observe --only snapshot`.
 * Off: `BERTH_API_TUNING=off` encodes netflix.titus.Job with the generated code.
 */
import { fieldNumbers } from '@berth/shared/gen/field-numbers';
import { JobState, StateChange } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/cell/entity';
import { publicTaskBytes } from '@berth/shared/model/cell/public-task';
import { composeJob } from '@berth/shared/model/job/job';
import { ProtobufScanner, tagOf } from '@berth/shared/model/wire/protobuf-scanner';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';

const jobFields = fieldNumbers['netflix.titus.Job'];
const jobTags = {
  id: tagOf(jobFields.id),
  jobClusterId: tagOf(jobFields.jobClusterId),
  jobDescriptor: tagOf(jobFields.jobDescriptor),
  tasks: tagOf(jobFields.tasks),
  jobState: tagOf(jobFields.jobState),
  stateChanges: tagOf(jobFields.stateChanges),
} as const;
/** The number and the tag of a job's tasks in its message. */
export const jobTasksField = jobFields.tasks;
export const jobTasksTag = jobTags.tasks;
const recordDescriptorField = fieldNumbers['berth.v1.JobRecord'].descriptor;

/** Writes the fields of the job's message, with all of its tasks. */
export function writeJob(writer: BinaryWriter, view: JobWithTasks): void {
  writeBeforeTasks(writer, view);
  for (const task of view.tasks) writer.uint32(jobTags.tasks).bytes(publicTaskBytes(task));
  writeAfterTasks(writer, view);
}

/** Writes the fields that stand before the tasks. */
export function writeBeforeTasks(writer: BinaryWriter, { job }: JobWithTasks): void {
  writer.uint32(jobTags.id).string(job.id);
  writer.uint32(jobTags.jobClusterId).string(job.record.clusterId);
  writer.uint32(jobTags.jobDescriptor).bytes(descriptorBytes(job));
}

/** Writes the fields that stand after the tasks. */
export function writeAfterTasks(writer: BinaryWriter, { job, status }: JobWithTasks): void {
  const { jobState, stateChanges } = composeJob(job.record, status?.record, []);
  if (jobState !== undefined) JobState.encode(jobState, writer.uint32(jobTags.jobState).fork()).join();
  for (const change of stateChanges)
    StateChange.encode(change, writer.uint32(jobTags.stateChanges).fork()).join();
}

/** Returns the encoded descriptor inside the stored job, without a copy. Empty if there is none. */
export function descriptorBytes(job: Entity<'job'>): Uint8Array {
  const { bytes } = job;
  const scanner = new ProtobufScanner(bytes);
  while (scanner.next(bytes.length)) {
    if (scanner.field === recordDescriptorField) return scanner.contents();
    scanner.skip();
  }
  return new Uint8Array();
}
