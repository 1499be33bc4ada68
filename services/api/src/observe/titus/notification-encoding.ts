/*
 * Notifications as bytes on the wire. What is stored is not encoded again: a task's and a descriptor's bytes are cut out
 * of their records and framed by tag and length. The numbers below are those of netflix.titus.JobChangeNotification.
 */
import { JobChangeNotification, JobState, StateChange } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/cell/entity';
import { publicTaskBytes } from '@berth/shared/model/cell/public-task';
import { composeJob } from '@berth/shared/model/job/job';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { JobView } from '../../gateway/core/job-view.js';
import { framedBytes, Splicer, type Unwritten } from '../../tuning/frame-writer.js';
import type { DefinitionNotification, Notification } from './core/job-notifications.js';

/** The wire type of strings, bytes and messages. */
const lengthDelimited = 2;
/** The tag of a field of such a type. */
export const tagOf = (field: number) => (field << 3) | lengthDelimited;

const notificationFields = { jobSnapshot: 1, jobDefinitionUpdate: 3, taskUdate: 5 } as const;
/** Of netflix.titus.Job. */
const jobFields = {
  id: 1,
  jobClusterId: 2,
  jobDescriptor: 3,
  tasks: 4,
  jobState: 5,
  stateChanges: 6,
} as const;
const jobTags = {
  id: tagOf(jobFields.id),
  jobClusterId: tagOf(jobFields.jobClusterId),
  jobDescriptor: tagOf(jobFields.jobDescriptor),
  tasks: tagOf(jobFields.tasks),
  jobState: tagOf(jobFields.jobState),
  stateChanges: tagOf(jobFields.stateChanges),
} as const;
/** Of a job's tasks in its message. */
export const jobTasksTag = jobTags.tasks;
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
export function snapshotMessage(view: JobView, tasks: readonly Entity<'task'>[]): Unwritten {
  const writer = new BinaryWriter();
  writeBeforeTasks(writer, view);
  const head = writer.finish();
  writeAfterTasks(writer, view);
  const tail = writer.finish();
  const taskBytes = tasks.map(publicTaskBytes);
  const job = taskBytes.reduce((sum, { length }) => sum + framedBytes(length), head.length + tail.length);
  const inner = framedBytes(job);
  return {
    byteLength: framedBytes(inner),
    writeTo: (splicer) => {
      splicer.open(notificationFields.jobSnapshot, inner);
      splicer.open(1, job);
      splicer.bytes(head);
      for (const bytes of taskBytes) {
        splicer.open(jobFields.tasks, bytes.length);
        splicer.bytes(bytes);
      }
      splicer.bytes(tail);
    },
  };
}

/** Writes the fields of the job's message, with all of its tasks. */
export function writeJob(writer: BinaryWriter, view: JobView): void {
  writeBeforeTasks(writer, view);
  for (const task of view.tasks) writer.uint32(jobTags.tasks).bytes(publicTaskBytes(task));
  writeAfterTasks(writer, view);
}

function writeBeforeTasks(writer: BinaryWriter, { job }: JobView): void {
  writer.uint32(jobTags.id).string(job.id);
  writer.uint32(jobTags.jobClusterId).string(job.record.clusterId);
  writer.uint32(jobTags.jobDescriptor).bytes(descriptorBytes(job));
}

function writeAfterTasks(writer: BinaryWriter, { job, status }: JobView): void {
  const { jobState, stateChanges } = composeJob(job.record, status?.record, []);
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
