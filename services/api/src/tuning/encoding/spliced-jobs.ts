/*
 * Problem: a stored task is sent to every subscriber of its job. Decoding it and encoding it again costs
 * more than all the rest.
 * Figure: a snapshot of 100,000 tasks over berth.v1 and ObserveJobs took 283 and 368 ms, then 161 and 174
 * ms, when its messages were written from stored bytes straight into their burst.
 * Benchmark: `npm run bench -- observe --only snapshot,fanout`.
 * Off: `BERTH_API_TUNING=off` encodes the messages with the generated code (plain-jobs.ts).
 */
import { fieldNumbers } from '@berth/shared/gen/field-numbers';
import type { Entity } from '@berth/shared/model/cell/entity';
import { publicTaskBytes } from '@berth/shared/model/cell/public-task';
import { FrameWriter, framedBytes } from '@berth/shared/model/wire/frame-writer';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';
import type { JobEncoder } from './job-encoder.js';
import { descriptorBytes, jobTasksField, writeAfterTasks, writeBeforeTasks } from './job-encoding.js';
import type { PendingMessage } from './pending-message.js';

const notificationFields = fieldNumbers['netflix.titus.JobChangeNotification'];
const snapshotFields = fieldNumbers['netflix.titus.JobChangeNotification.JobSnapshot'];
const definitionFields = fieldNumbers['netflix.titus.JobChangeNotification.JobDefinitionUpdate'];
const taskFields = fieldNumbers['netflix.titus.JobChangeNotification.TaskUpdate'];

/**
 * Cuts the bytes of tasks and descriptors out of their stored records, and puts them behind tags and
 * lengths.
 */
export const splicedJobs: JobEncoder = { definition, task, snapshot };

function definition(job: Entity<'job'>): Buffer {
  const id = Buffer.from(job.id);
  const descriptor = descriptorBytes(job);
  const length = framedBytes(id.length) + framedBytes(descriptor.length);
  const writer = new FrameWriter(Buffer.allocUnsafe(framedBytes(length)));
  writer.open(notificationFields.jobDefinitionUpdate, length);
  writer.open(definitionFields.id, id.length);
  writer.bytes(id);
  writer.open(definitionFields.jobDescriptor, descriptor.length);
  writer.bytes(descriptor);
  return writer.buffer;
}

function task(entity: Entity<'task'>): Buffer {
  const bytes = publicTaskBytes(entity);
  const length = framedBytes(bytes.length);
  const writer = new FrameWriter(Buffer.allocUnsafe(framedBytes(length)));
  writer.open(notificationFields.taskUdate, length);
  writer.open(taskFields.task, bytes.length);
  writer.bytes(bytes);
  return writer.buffer;
}

function snapshot(view: JobWithTasks, tasks: readonly Entity<'task'>[]): PendingMessage {
  const fields = new BinaryWriter();
  writeBeforeTasks(fields, view);
  const head = fields.finish();
  writeAfterTasks(fields, view);
  const tail = fields.finish();
  const taskBytes = tasks.map(publicTaskBytes);
  const job = taskBytes.reduce((sum, { length }) => sum + framedBytes(length), head.length + tail.length);
  const inner = framedBytes(job);
  return {
    byteLength: framedBytes(inner),
    writeTo: (writer) => {
      writer.open(notificationFields.jobSnapshot, inner);
      writer.open(snapshotFields.job, job);
      writer.bytes(head);
      for (const bytes of taskBytes) {
        writer.open(jobTasksField, bytes.length);
        writer.bytes(bytes);
      }
      writer.bytes(tail);
    },
  };
}
