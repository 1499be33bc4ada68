/** Messages of berth.v1.ScheduleService. */
import {
  type ClusterSchedule,
  type EndedJob,
  ReplaceOrder,
  SchedulePolicy,
} from '@berth/shared/gen/berth/v1/schedule_service';
import type { ClusterRecord, ClusterStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { isJobLive } from '@berth/shared/model/job/job';
import {
  type CronPolicy,
  nextRunMs,
  type ReplaceOrder as ReplaceOrderWord,
  type Schedule,
} from '@berth/shared/model/schedule/schedule';
import { State, taskState } from '@berth/shared/model/task/task-state';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';

const policies: Readonly<Record<CronPolicy, SchedulePolicy>> = {
  allow: SchedulePolicy.ALLOW,
  forbid: SchedulePolicy.FORBID,
  replace: SchedulePolicy.REPLACE,
};

const replaceOrders: Readonly<Record<ReplaceOrderWord, ReplaceOrder>> = {
  startFirst: ReplaceOrder.START_FIRST,
  stopFirst: ReplaceOrder.STOP_FIRST,
};

/** The past of a schedule. */
interface ScheduleHistory {
  readonly status: ClusterStatusRecord | undefined;
  /** Jobs of the cluster; those that live are left out. */
  readonly ended: readonly JobWithTasks[];
}

/** The most ended jobs of one answer. */
const maxEndedJobs = 50;

/** Returns the public message. `nowMs` is the time of the request: the next run is after it. */
export function scheduleMessage(
  cluster: ClusterRecord,
  schedule: Schedule,
  { status, ended }: ScheduleHistory,
  nowMs: number,
): ClusterSchedule {
  const { when, timeZone, policy, replaceOrder, startingDeadlineMs } = schedule;
  return {
    clusterId: cluster.id,
    clusterName: cluster.descriptor?.name ?? '',
    cronSpec: when.$case === 'cron' ? when.expression : '',
    timeZone,
    atMs: when.$case === 'once' ? when.atMs : 0,
    policy: policies[policy],
    startingDeadlineMs,
    paused: cluster.schedulePaused,
    enabled: cluster.enabled,
    nextFireAtMs: isFiring(cluster) ? (nextRunMs(schedule, nowMs) ?? 0) : 0,
    lastFires: status?.fires ?? [],
    replaceOrder: policy === 'replace' ? replaceOrders[replaceOrder] : ReplaceOrder.UNSPECIFIED,
    endedJobs: ended
      .filter((job) => !isJobLive(job.status?.record))
      .map(endedMessage)
      .sort((a, b) => a.finishedAtMs - b.finishedAtMs)
      .slice(-maxEndedJobs),
  };
}

function endedMessage({ job, status, tasks }: JobWithTasks): EndedJob {
  const { id, record } = job;
  const failed = tasks.findLast((task) => taskState(task.record) === State.FAILED);
  return {
    jobId: id,
    fireAtMs: record.fireAtMs,
    createdAtMs: record.createdAtMs,
    finishedAtMs: status?.record.finishedAtMs ?? 0,
    state: status?.record.state,
    taskReason: (failed ?? tasks.at(-1))?.record.task?.state?.reason ?? '',
  };
}

/** True if the schedule currently starts jobs. */
function isFiring({ enabled, schedulePaused }: ClusterRecord): boolean {
  return enabled && !schedulePaused;
}

/** Returns the reason why the schedule currently starts no job, for people; empty if it does. */
export function idleBecause({ enabled, schedulePaused }: ClusterRecord): string {
  if (!enabled) return 'the cluster is disabled';
  return schedulePaused ? 'the schedule is paused' : '';
}
