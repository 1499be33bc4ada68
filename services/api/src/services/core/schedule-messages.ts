/** Messages of berth.v1.ScheduleService. */
import { type ClusterSchedule, SchedulePolicy } from '@berth/shared/gen/berth/v1/schedule_service';
import type { ClusterRecord, ClusterStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { type CronPolicy, nextRunMs, type Schedule } from '@berth/shared/model/schedule/schedule';

const policies: Readonly<Record<CronPolicy, SchedulePolicy>> = {
  allow: SchedulePolicy.ALLOW,
  forbid: SchedulePolicy.FORBID,
  replace: SchedulePolicy.REPLACE,
};

/** Returns the public message. `nowMs` is the time of the request: the next run is after it. */
export function scheduleMessage(
  cluster: ClusterRecord,
  schedule: Schedule,
  status: ClusterStatusRecord | undefined,
  nowMs: number,
): ClusterSchedule {
  const { when, timeZone, policy, startingDeadlineMs } = schedule;
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
