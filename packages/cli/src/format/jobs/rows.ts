import type { Job, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { ageSince, formatSpan } from '../../terminal/age.js';
import { notableReason, stateCell } from '../../terminal/state.js';
import type { TableCell } from '../../terminal/table.js';
import {
  agentName,
  countTasks,
  createdAt,
  type HostAddresses,
  portsOf,
  type TaskStateCounts,
} from './job-facts.js';
import { nextAttemptMs, retryText, taskRetryText } from './retries.js';

export const jobHeadings = [
  'JOB',
  'NAME',
  'TYPE',
  'STATE',
  'RUNNING',
  'DONE',
  'CLUSTER',
  'AGE',
  'REASON',
] as const;

/** Returns the row of a job under {@link jobHeadings}. `clusters` has the names of clusters by their ids. */
export function jobRow(
  job: Job,
  nowMs: number,
  clusters: ReadonlyMap<string, string> = new Map(),
): TableCell[] {
  const counts = countTasks(job.jobDescriptor, job.tasks);
  return [
    job.id,
    job.jobDescriptor?.appName || '-',
    job.jobDescriptor?.jobSpec?.$case ?? '-',
    stateCell(job.jobState?.state),
    `${counts.running}/${counts.desired}`,
    doneCell(job, counts),
    clusters.get(job.jobClusterId) || job.jobClusterId || '-',
    ageSince(createdAt(job), nowMs),
    notableReason(job.jobState?.reason) || retryText(job, job.tasks, nowMs),
  ];
}

/** Only a batch job has a count of ended tasks. A service replaces its ended tasks. */
function doneCell(job: Job, { finished, failed }: TaskStateCounts): TableCell {
  if (job.jobDescriptor?.jobSpec?.$case !== 'batch') return '-';
  return failed === 0 ? String(finished) : { text: `${finished} (${failed} failed)`, style: 'red' };
}

export const taskHeadings = ['TASK', 'STATE', 'AGENT', 'PORTS', 'AGE', 'REASON'] as const;

/** Facts about tasks that are not in their messages. */
export interface TaskView {
  readonly addresses?: HostAddresses;
  /** All tasks of the job, with the attempts before. */
  readonly all?: readonly Task[];
}

/** Returns the rows of tasks with their headings. Tasks of stages show their stage and their place in it. */
export function taskTable(tasks: readonly Task[], nowMs: number, view: TaskView = {}) {
  const hasStages = tasks.some(({ taskContext }) => 'task.stage' in taskContext);
  const rows = tasks.map((task) => taskRow(task, nowMs, view));
  if (!hasStages) return { headings: taskHeadings, rows };
  const [first, ...others] = taskHeadings;
  return {
    headings: [first, 'STAGE', 'INDEX', 'NUMBER', ...others],
    rows: rows.map(([id = '', ...rest], at) => [id, ...stageCells(tasks[at]), ...rest]),
  };
}

function stageCells(task: Task | undefined): TableCell[] {
  const keys = ['task.stage', 'task.workerIndex', 'task.workerNumber'];
  return keys.map((key) => task?.taskContext[key] ?? '-');
}

/** Returns the reason of a task's state. A failed task also says when it is tried again. */
function reasonCell(task: Task, all: readonly Task[], nowMs: number): string {
  const reason = notableReason(task.state?.reason);
  const nextMs = nextAttemptMs(task) ?? 0;
  if (reason === '') return taskRetryText(task, all, nowMs);
  return nextMs > nowMs ? `${reason}; next attempt in ${formatSpan(nextMs - nowMs)}` : reason;
}

/** Returns the row of a task under {@link taskHeadings}. */
export function taskRow(
  task: Task,
  nowMs: number,
  { addresses = new Map(), all = [] }: TaskView = {},
): TableCell[] {
  return [
    task.id,
    stateCell(task.state?.state ?? State.QUEUED),
    agentName(task) || '-',
    portsOf(task, addresses) || '-',
    ageSince(createdAt(task), nowMs),
    reasonCell(task, all, nowMs),
  ];
}
