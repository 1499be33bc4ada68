/*
 * Notifications as bytes on the wire. What is stored is not encoded again: a task's and a descriptor's bytes are cut out
 * of their records and framed by tag and length. The numbers below are those of netflix.titus.JobChangeNotification.
 */
import { JobChangeNotification, JobState, StateChange } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/entity';
import { composeJob } from '@berth/shared/model/job';
import { publicTaskBytes } from '@berth/shared/model/public-task';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { DefinitionNotification, JobView, Notification } from './core/observe.js';
import { framedBytes, Splicer } from './observe-service/splice.js';

/** The wire type of strings, bytes and messages. */
const lengthDelimited = 2;
/** The tag of a field of such a type. */
export const tagOf = (field: number) => (field << 3) | lengthDelimited;

const notificationFields = { jobSnapshot: 1, jobDefinitionUpdate: 3, taskUdate: 5 } as const;
/** Of netflix.titus.Job. */
export const jobTags = {
  id: tagOf(1),
  jobClusterId: tagOf(2),
  jobDescriptor: tagOf(3),
  tasks: tagOf(4),
  jobState: tagOf(5),
  stateChanges: tagOf(6),
} as const;
/** Where JobRecord keeps its descriptor. */
const recordDescriptorField = 3;

/**
 * The notification's bytes. They are not kept: putting stored bytes behind their tags costs less than looking up whether that
 * has been done, and whoever shares a batch shares what is made of it.
 */
export function notificationBytes(notification: Notification): Buffer {
  switch (notification.kind) {
    case 'definition':
      return definitionUpdate(notification);
    case 'task':
      return taskUpdate(notification.task);
    case 'finished':
      return Buffer.from(
        JobChangeNotification.encode({
          notification: { $case: 'jobFinished', value: { id: notification.jobId } },
        }).finish(),
      );
  }
}

export const snapshotEndBytes: Buffer = Buffer.from(
  JobChangeNotification.encode({ notification: { $case: 'snapshotEnd', value: {} } }).finish(),
);

/** A job as subscribers first see it, with these of its tasks. */
export function snapshotBytes(view: JobView, tasks: readonly Entity<'task'>[]): Buffer {
  const writer = new BinaryWriter();
  writer.uint32(tagOf(notificationFields.jobSnapshot)).fork();
  writer.uint32(tagOf(1)).fork();
  writeJob(writer, view, tasks);
  return finish(writer.join().join());
}

/** Writes the fields of the job's message, with these of its tasks. */
export function writeJob(
  writer: BinaryWriter,
  { job, status }: JobView,
  tasks: readonly Entity<'task'>[],
): void {
  const { jobState, stateChanges } = composeJob(job.record, status?.record, []);
  writer.uint32(jobTags.id).string(job.id);
  writer.uint32(jobTags.jobClusterId).string(job.record.clusterId);
  writer.uint32(jobTags.jobDescriptor).bytes(descriptorBytes(job));
  for (const task of tasks) writer.uint32(jobTags.tasks).bytes(publicTaskBytes(task));
  if (jobState !== undefined) JobState.encode(jobState, writer.uint32(jobTags.jobState).fork()).join();
  for (const change of stateChanges)
    StateChange.encode(change, writer.uint32(jobTags.stateChanges).fork()).join();
}

function definitionUpdate({ jobId, job }: DefinitionNotification): Buffer {
  const id = Buffer.from(jobId);
  const descriptor = descriptorBytes(job);
  const length = framedBytes(id.length) + framedBytes(descriptor.length);
  const splicer = new Splicer(Buffer.allocUnsafe(framedBytes(length)));
  splicer.open(notificationFields.jobDefinitionUpdate, length);
  splicer.open(1, id.length);
  splicer.bytes(id);
  splicer.open(2, descriptor.length);
  splicer.bytes(descriptor);
  return splicer.buffer;
}

function taskUpdate(task: Entity<'task'>): Buffer {
  const bytes = publicTaskBytes(task);
  const length = framedBytes(bytes.length);
  const splicer = new Splicer(Buffer.allocUnsafe(framedBytes(length)));
  splicer.open(notificationFields.taskUdate, length);
  splicer.open(1, bytes.length);
  splicer.bytes(bytes);
  return splicer.buffer;
}

/** The encoded descriptor inside the stored job, not copied. */
function descriptorBytes(job: Entity<'job'>): Uint8Array {
  const reader = new BinaryReader(job.bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === recordDescriptorField) return reader.bytes();
    reader.skip(wireType, field);
  }
  return new Uint8Array();
}

function finish(writer: BinaryWriter): Buffer {
  const { buffer, byteOffset, byteLength } = writer.finish();
  return Buffer.from(buffer, byteOffset, byteLength);
}
