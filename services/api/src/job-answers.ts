/*
 * Jobs in answers to queries. What is answered as it is stored is not encoded again: whole jobs, and whole fields of tasks,
 * which are by far the greatest part of a page, are cut out of their records. JSON is made of the message all the same.
 */

import { Pagination } from '@berth/shared/gen/netflix/titus/titus_base';
import { Job, type JobQueryResult, type Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/entity';
import { composeJob } from '@berth/shared/model/job';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { JobView } from './core/observe.js';
import { projectJob, projectTask, type Selection } from './core/projection.js';
import { jobTags, tagOf, writeJob } from './observe-encoding.js';
import { selectedTaskBytes, wholeTaskFields } from './task-fields.js';

/** Where a message of a job comes from: with all of its fields, or with these of its tasks beside what it holds itself. */
interface Source {
  readonly view: JobView;
  readonly taskFields?: ReadonlySet<number>;
}

const sources = new WeakMap<Job, Source>();

/** The job with its tasks. */
export function answeredJob(view: JobView): Job {
  const { job, status, tasks } = view;
  const answer = composeJob(job.record, status?.record, []);
  return answerFrom({ view }, answer, () => tasks.flatMap(({ record }) => record.task ?? []));
}

/** The message, whose tasks are made only for who looks into it: its bytes come from where the tasks are stored. */
function answerFrom(source: Source, answer: Job, tasksOf: () => Task[]): Job {
  let tasks: Task[] | undefined;
  const get = () => {
    tasks ??= tasksOf();
    return tasks;
  };
  Object.defineProperty(answer, 'tasks', { get, enumerable: true });
  sources.set(answer, source);
  return answer;
}

/** The job with the selected fields and its id. */
export function projectedJob(view: JobView, selection: Selection): Job {
  const whole = answeredJob(view);
  if (selection === true) return whole;
  const ofTasks = selection.get('tasks');
  const taskFields = ofTasks === undefined ? undefined : wholeTaskFields(ofTasks);
  if (ofTasks === undefined || taskFields === undefined) return projectJob(whole, selection);
  const { job, status } = view;
  const answer = projectJob(composeJob(job.record, status?.record, []), selection);
  return answerFrom({ view, taskFields }, answer, () =>
    whole.tasks.map((task) => projectTask(task, ofTasks)),
  );
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
    Job.encode(Object.create(job, { tasks: { value: [] } }), writer);
    writeTasks(writer, source.view.tasks, source.taskFields);
  }
}

function writeTasks(
  writer: BinaryWriter,
  tasks: readonly Entity<'task'>[],
  fields: ReadonlySet<number>,
): void {
  for (const task of tasks) writer.uint32(jobTags.tasks).bytes(selectedTaskBytes(task, fields));
}
