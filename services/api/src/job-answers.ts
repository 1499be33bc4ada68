/*
 * Jobs in answers to queries. What is answered as it is stored is not encoded again: whole jobs, and whole fields of tasks,
 * which are by far the greatest part of a page, are cut out of their records. JSON is made of the message all the same.
 */

import { Pagination } from '@berth/shared/gen/netflix/titus/titus_base';
import { Job, type JobQueryResult } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/entity';
import { composeJob } from '@berth/shared/model/job';
import { publicTaskBytes } from '@berth/shared/store/codec';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { JobView } from './core/observe.js';
import { projectJob, type Selection } from './core/projection.js';
import { jobTags, tagOf, writeJob } from './observe-encoding.js';

/** Fields of netflix.titus.Task; the id is in every answer. */
const taskFields = { id: 1, taskContext: 2, state: 3, stateChanges: 4 } as const;

/** Where a message of a job comes from: with all of its fields, or with these of its tasks beside what it holds itself. */
interface Source {
  readonly view: JobView;
  readonly taskFields?: ReadonlySet<number>;
}

const sources = new WeakMap<Job, Source>();

/** The job with its tasks. */
export function answeredJob(view: JobView): Job {
  const { job, status, tasks } = view;
  const answer = composeJob(
    job.record,
    status?.record,
    tasks.map(({ record }) => record),
  );
  sources.set(answer, { view });
  return answer;
}

/** The job with the selected fields and its id. */
export function projectedJob(view: JobView, selection: Selection): Job {
  const whole = answeredJob(view);
  const answer = projectJob(whole, selection);
  const selected = selection === true ? undefined : wholeTaskFields(selection.get('tasks'));
  if (selected !== undefined) sources.set(answer, { view, taskFields: selected });
  return answer;
}

/** The numbers of the selected fields of tasks; undefined where none are selected, or only parts of one. */
function wholeTaskFields(selection: Selection | undefined): ReadonlySet<number> | undefined {
  if (selection === undefined) return undefined;
  if (selection === true) return new Set(Object.values(taskFields));
  if ([...selection.values()].some((part) => part !== true)) return undefined;
  const names = Object.entries(taskFields).filter(([name]) => name === 'id' || selection.has(name));
  return new Set(names.map(([, number]) => number));
}

/** The message's bytes. */
export function encodeJob(job: Job): Buffer {
  const writer = new BinaryWriter();
  write(job, writer);
  return Buffer.from(writer.finish());
}

/** The message's bytes; its numbers are those of netflix.titus.JobQueryResult. */
export function encodeJobs({ items, pagination }: JobQueryResult): Buffer {
  const writer = new BinaryWriter();
  for (const job of items) {
    writer.uint32(tagOf(1)).fork();
    write(job, writer);
    writer.join();
  }
  if (pagination !== undefined) Pagination.encode(pagination, writer.uint32(tagOf(2)).fork()).join();
  return Buffer.from(writer.finish());
}

function write(job: Job, writer: BinaryWriter): void {
  const source = sources.get(job);
  if (source === undefined) Job.encode(job, writer);
  else if (source.taskFields === undefined) writeJob(writer, source.view, source.view.tasks);
  else {
    Job.encode({ ...job, tasks: [] }, writer);
    writeTasks(writer, source.view.tasks, source.taskFields);
  }
}

function writeTasks(
  writer: BinaryWriter,
  tasks: readonly Entity<'task'>[],
  fields: ReadonlySet<number>,
): void {
  for (const task of tasks) {
    const parts = partsOf(publicTaskBytes(task), fields);
    const [only] = parts;
    // Most selections leave one part, which needs no copy.
    const kept = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
    writer.uint32(jobTags.tasks).bytes(kept);
  }
}

/** What the message holds of these fields. Fields that stand side by side are one part. */
function partsOf(message: Uint8Array, fields: ReadonlySet<number>): readonly Uint8Array[] {
  const reader = new BinaryReader(message);
  const parts: Uint8Array[] = [];
  let from: number | undefined;
  while (reader.pos < reader.len) {
    const at = reader.pos;
    const [field, wireType] = reader.tag();
    reader.skip(wireType, field);
    if (fields.has(field)) from ??= at;
    else if (from !== undefined) {
      parts.push(message.subarray(from, at));
      from = undefined;
    }
  }
  if (from !== undefined) parts.push(message.subarray(from));
  return parts;
}
