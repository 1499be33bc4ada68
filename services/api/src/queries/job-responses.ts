/*
 * Jobs and tasks in answers to queries. Stored bytes are not encoded again: complete jobs and complete fields
 * of tasks are by far the greatest part of a page, and they are cut out of their records. The messages of
 * tasks are built only for readers that look at them, such as JSON.
 */

import { Pagination } from '@berth/shared/gen/netflix/titus/titus_base';
import {
  Job,
  type JobQueryResult,
  Task,
  type TaskQueryResult,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/cell/entity';
import { publicTaskBytes } from '@berth/shared/model/cell/public-task';
import { composeJob } from '@berth/shared/model/job/job';
import { tagOf } from '@berth/shared/model/wire/protobuf-scanner';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { JobWithTasks } from '../gateway/core/job-with-tasks.js';
import { jobTasksTag, writeJob } from '../tuning/encoding/job-encoding.js';
import { type FieldBits, writeParts } from '../tuning/encoding/message-parts.js';
import { type FieldSelection, projectJob, projectTask } from './core/projection.js';
import { wholeTaskFields } from './task-fields.js';

/** The source of a job's message. */
interface Source {
  readonly view: JobWithTasks;
  /** The message without its tasks, and the selected fields of tasks; undefined for the complete job. */
  readonly part?: { readonly head: Job; readonly taskFields: FieldBits };
}

const sources = new WeakMap<Job, Source>();

/** The source of a task's message: these fields of the stored one. */
interface TaskSource {
  readonly task: Entity<'task'>;
  readonly fields: FieldBits;
}

const taskSources = new WeakMap<Task, TaskSource>();

/** The job with its tasks. */
export function answeredJob(view: JobWithTasks): Job {
  const answer = withTasks(headOf(view), view, true);
  sources.set(answer, { view });
  return answer;
}

/** Returns the job with the selected fields and its id. */
export function projectedJob(view: JobWithTasks, selection: FieldSelection): Job {
  if (selection === true) return answeredJob(view);
  const head = projectJob(headOf(view), selection);
  const ofTasks = selection.get('tasks');
  if (ofTasks === undefined) return head;
  const answer = withTasks(head, view, ofTasks);
  const fields = wholeTaskFields(ofTasks);
  if (fields !== undefined) sources.set(answer, { view, part: { head, taskFields: fields } });
  return answer;
}

/** Returns the task with the selected fields and its id; undefined if the record has no task. */
export function projectedTask(entity: Entity<'task'>, selection: FieldSelection): Task | undefined {
  const { task } = entity.record;
  if (task === undefined) return undefined;
  const answer = selection === true ? { ...task } : projectTask(task, selection);
  const fields = wholeTaskFields(selection);
  if (fields !== undefined) taskSources.set(answer, { task: entity, fields });
  return answer;
}

function headOf({ job, status }: JobWithTasks): Job {
  return composeJob(job.record, status?.record, []);
}

/** Returns the message with its tasks, which are built at the first access. */
function withTasks(head: Job, { tasks }: JobWithTasks, selection: FieldSelection): Job {
  let made: Task[] | undefined;
  return {
    ...head,
    get tasks(): Task[] {
      made ??= tasks.flatMap(({ record: { task } }) =>
        task === undefined ? [] : [projectTask(task, selection)],
      );
      return made;
    },
  };
}

/** Returns the message's bytes. */
export function encodeJob(job: Job): Buffer {
  return encoded((writer) => write(job, writer));
}

/** Returns the message's bytes. The field numbers are those of netflix.titus.JobQueryResult. */
export function encodeJobs({ items, pagination }: JobQueryResult): Buffer {
  return encoded((writer) => {
    for (const job of items) {
      writer.uint32(tagOf(1)).fork();
      write(job, writer);
      writer.join();
    }
    writePagination(pagination, writer);
  });
}

/** Returns the message's bytes. The field numbers are those of netflix.titus.TaskQueryResult. */
export function encodeTasks({ items, pagination }: TaskQueryResult): Buffer {
  return encoded((writer) => {
    for (const task of items) {
      const source = taskSources.get(task);
      if (source === undefined) Task.encode(task, writer.uint32(tagOf(1)).fork()).join();
      else
        writeParts(writer, { tag: tagOf(1), message: publicTaskBytes(source.task), fields: source.fields });
    }
    writePagination(pagination, writer);
  });
}

function write(job: Job, writer: BinaryWriter): void {
  const source = sources.get(job);
  if (source === undefined) Job.encode(job, writer);
  else if (source.part === undefined) writeJob(writer, source.view);
  else {
    const { head, taskFields: fields } = source.part;
    Job.encode(head, writer);
    for (const task of source.view.tasks)
      writeParts(writer, { tag: jobTasksTag, message: publicTaskBytes(task), fields });
  }
}

function writePagination(pagination: Pagination | undefined, writer: BinaryWriter): void {
  if (pagination !== undefined) Pagination.encode(pagination, writer.uint32(tagOf(2)).fork()).join();
}

/** A writer that has grown beyond this is not reused. */
const maxKeptBytes = 1024 * 1024;

// All answers share one writer, since encoding is synchronous. A new writer grows step by step, and its
// garbage triggers the collection of a heap that holds a whole cell.
let sharedWriter = new BinaryWriter();

function encoded(fill: (writer: BinaryWriter) => void): Buffer {
  const writer = sharedWriter;
  // If the encoding fails, its bytes must not precede the next answer.
  sharedWriter = new BinaryWriter();
  fill(writer);
  const { buffer, byteOffset, byteLength } = writer.finish();
  if (byteLength <= maxKeptBytes) sharedWriter = writer;
  return Buffer.from(buffer, byteOffset, byteLength);
}
