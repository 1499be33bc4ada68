/*
 * The sizes of jobs and tasks in answers. The lengths of stored records bound them, and cost nothing. Only an
 * answer beyond these bounds is encoded to measure it.
 */
import type { Entity } from '@berth/shared/model/cell/entity';
import type { JobWithTasks } from '../gateway/core/job-with-tasks.js';
import { maxAnswerBytes } from '../gateway/core/limits.js';
import { countFitting, type ItemSize } from './core/answer-size.js';
import type { FieldSelection } from './core/projection.js';
import { encodeJob, encodeTasks, projectedJob, projectedTask } from './job-responses.js';
import { creationOrder } from './task-order.js';

/** The bytes of a job's message that may not stand in its records: the state of a job that has none yet. */
const unstoredBytes = 128;

/** The sizes of jobs with the selected fields. */
export function jobSize(selection: FieldSelection): ItemSize<JobWithTasks> {
  return {
    atMost: (view) => {
      const head = view.job.bytes.length + (view.status?.bytes.length ?? 0) + unstoredBytes;
      if (!selectsTasks(selection)) return head;
      // A record is never smaller than its public message.
      return view.tasks.reduce((sum, { bytes }) => sum + bytes.length, head);
    },
    exactly: (view) => encodeJob(projectedJob(view, selection)).length,
  };
}

/** The sizes of tasks with the selected fields. */
export function taskSize(selection: FieldSelection): ItemSize<Entity<'task'>> {
  return {
    atMost: ({ bytes }) => bytes.length,
    exactly: (task) => {
      const message = projectedTask(task, selection);
      return message === undefined ? 0 : encodeTasks({ items: [message], pagination: undefined }).length;
    },
  };
}

/** A job with as many of its tasks as one answer holds, and the number of the others. */
interface CutJob {
  readonly view: JobWithTasks;
  readonly omitted: number;
}

/** Returns the job with its first tasks, in the order of creation, if an answer does not hold all of them. */
export function cutTasks(view: JobWithTasks, selection: FieldSelection = true): CutJob {
  const size = jobSize(selection);
  if (!selectsTasks(selection) || size.atMost(view) <= maxAnswerBytes) return { view, omitted: 0 };
  const tasks = creationOrder(view.tasks).map(({ entity }) => entity);
  const restBytes = maxAnswerBytes - size.exactly({ ...view, tasks: [] });
  const kept = countFitting(tasks, taskSize(selection).exactly, restBytes);
  if (kept === tasks.length) return { view, omitted: 0 };
  return { view: { ...view, tasks: tasks.slice(0, kept) }, omitted: tasks.length - kept };
}

function selectsTasks(selection: FieldSelection): boolean {
  return selection === true || selection.has('tasks');
}
