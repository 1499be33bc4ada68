/*
 * Notifications as bytes on the wire. What is stored is not encoded again: a task's and a descriptor's bytes are cut out
 * of their records and framed by tag and length. The numbers below are those of netflix.titus.JobChangeNotification.
 */
import { JobChangeNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/cell/entity';
import { publicTaskBytes } from '@berth/shared/model/cell/public-task';
import { FrameWriter, framedBytes } from '@berth/shared/model/wire/frame-writer';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';
import {
  descriptorBytes,
  jobTasksField,
  writeAfterTasks,
  writeBeforeTasks,
} from '../../tuning/encoding/job-encoding.js';
import type { PendingMessage } from '../../tuning/encoding/pending-message.js';
import type { DefinitionNotification, JobNotification } from './core/job-notifications.js';

const notificationFields = { jobSnapshot: 1, jobDefinitionUpdate: 3, taskUdate: 5 } as const;

/**
 * The notification's bytes. They are not kept: putting stored bytes behind their tags costs less than looking up whether that
 * has been done, and whoever shares a batch shares what is made of it.
 */
export function notificationBytes(notification: JobNotification): Buffer {
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
export function snapshotMessage(view: JobWithTasks, tasks: readonly Entity<'task'>[]): PendingMessage {
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
        splicer.open(jobTasksField, bytes.length);
        splicer.bytes(bytes);
      }
      splicer.bytes(tail);
    },
  };
}

function definitionUpdate({ jobId, job }: DefinitionNotification): Buffer {
  const id = Buffer.from(jobId);
  const descriptor = descriptorBytes(job);
  const length = framedBytes(id.length) + framedBytes(descriptor.length);
  const splicer = new FrameWriter(Buffer.allocUnsafe(framedBytes(length)));
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
  const splicer = new FrameWriter(Buffer.allocUnsafe(framedBytes(length)));
  splicer.open(notificationFields.taskUdate, length);
  splicer.open(1, bytes.length);
  splicer.bytes(bytes);
  return splicer.buffer;
}
