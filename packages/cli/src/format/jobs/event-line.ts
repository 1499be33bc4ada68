import type {
  Job,
  JobChangeNotification,
  JobDescriptor,
  Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import { State } from '@berth/shared/model/task/task-state';
import { formatSpan, timeOfDay } from '../../terminal/age.js';
import type { Colorize } from '../../terminal/colors.js';
import { colorizedState, notableReason } from '../../terminal/state.js';
import { oneLine } from '../../terminal/table.js';
import { countTasks, createdAt, desiredOf, shortTaskId, stateOf, whereabouts } from './job-facts.js';
import { nextAttemptMs } from './retries.js';

/** Returns a task's state as a line of progress: `12:00:03  0-0  RUNNING  host-1 (8080→10.0.0.7:32768)`. */
export function taskLine(task: Task, colorize: Colorize): string {
  return line([
    timeOfDay(task.stateChanges.at(-1)?.timestamp),
    shortTaskId(task.id),
    state(task, colorize),
    about(task),
  ]);
}

/** Returns the same with the job's id, for streams of several jobs. */
function taskLineWithJob(task: Task, colorize: Colorize): string {
  const ids = `${jobIdOfTask(task.id)}  ${shortTaskId(task.id)}`;
  return line([timeOfDay(task.stateChanges.at(-1)?.timestamp), ids, state(task, colorize), about(task)]);
}

/** Describes a new job: `web, service, 3 tasks`. */
export function jobSummary(job: Job): string {
  return summaryOf(job.jobDescriptor);
}

function summaryOf(descriptor: JobDescriptor | undefined): string {
  const count = desiredOf(descriptor);
  const kind = descriptor?.jobSpec?.$case ?? 'of unknown kind';
  return `${descriptor?.appName || 'unnamed'}, ${kind}, ${count === 1 ? '1 task' : `${count} tasks`}`;
}

/** Describes a job's end: `job ID FAILED failed: 1 of 5 tasks (4 finished, 1 failed) after 12.3s`. */
export function jobEndLine(job: Job, tasks: Iterable<Task>, colorize: Colorize): string {
  const { finished, failed } = countTasks(job.jobDescriptor, tasks);
  const spanMs = Date.parse(job.stateChanges.at(-1)?.timestamp ?? '') - Date.parse(createdAt(job) ?? '');
  const after = Number.isNaN(spanMs) ? '' : ` after ${formatSpan(spanMs)}`;
  const reason = oneLine(notableReason(job.jobState?.reason));
  return oneSpaced([
    'job',
    job.id,
    colorizedState(job.jobState?.state, colorize),
    reason,
    `(${finished} finished, ${failed} failed)${after}`,
  ]);
}

/** Returns the lines of one message of a stream. Messages without interest for people have no lines. */
export function notificationLines({ notification }: JobChangeNotification, colorize: Colorize): string[] {
  switch (notification?.$case) {
    case 'jobSnapshot': {
      const { job } = notification.value;
      return job === undefined
        ? []
        : [snapshotLine(job, colorize), ...job.tasks.map((task) => taskLineWithJob(task, colorize))];
    }
    case 'taskUdate':
      return notification.value.task === undefined
        ? []
        : [taskLineWithJob(notification.value.task, colorize)];
    case 'jobDefinitionUpdate': {
      const { id, jobDescriptor } = notification.value;
      return [
        `          ${id}  job wants ${desiredOf(jobDescriptor)} of ${jobDescriptor?.appName || 'unnamed'}`,
      ];
    }
    case 'jobFinished':
      return [`          ${notification.value.id}  job ended`];
    case 'snapshotEnd':
      return [colorize('dim', '          end of the snapshot; changes follow')];
    default:
      return [];
  }
}

/** Returns a number of tasks with their common values: `    12  RUNNING  web`. */
export function countLine(values: readonly string[], tasks: number): string {
  return line([String(tasks).padStart(6), ...values.map((value) => value || '-')]);
}

function snapshotLine(job: Job, colorize: Colorize): string {
  const name = colorizedState(job.jobState?.state, colorize);
  return `${timeOfDay(job.stateChanges.at(-1)?.timestamp)}  ${job.id}  job ${name}  ${jobSummary(job)}`;
}

function state(task: Task, colorize: Colorize): string {
  return colorizedState(stateOf(task), colorize, 'DISPATCHED'.length);
}

/** Returns the location of a live task, or the reason of its state if that is notable. */
function about(task: Task): string {
  const place = stateOf(task) >= State.FINISHED ? '' : whereabouts(task);
  return [place, oneLine(notableReason(task.state?.reason)), retryAfter(task)].filter(Boolean).join('  ');
}

/** Describes the next attempt of a failed task: `(again in 8.0s)`. */
function retryAfter(task: Task): string {
  const spanMs = (nextAttemptMs(task) ?? Number.NaN) - Date.parse(task.stateChanges.at(-1)?.timestamp ?? '');
  return spanMs > 0 ? `(again in ${formatSpan(spanMs)})` : '';
}

function line(parts: readonly string[]): string {
  return parts.join('  ').trimEnd();
}

function oneSpaced(parts: readonly string[]): string {
  return parts.filter(Boolean).join(' ');
}
