/** What berth.v1.ScheduleService tells of a cluster's schedule. */
import { type ClusterSchedule, SchedulePolicy } from '@berth/shared/gen/berth/v1/schedule_service';
import type { ClusterRecord, ClusterStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { type CronPolicy, nextFireMs, type Schedule } from '@berth/shared/model/schedule/schedule';

const policies: Readonly<Record<CronPolicy, SchedulePolicy>> = {
  allow: SchedulePolicy.ALLOW,
  forbid: SchedulePolicy.FORBID,
  replace: SchedulePolicy.REPLACE,
};

/** The public message. `nowMs` is when it is asked for: the next fire is one after that. */
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
    nextFireAtMs: isFiring(cluster) ? (nextFireMs(schedule, nowMs) ?? 0) : 0,
    lastFires: status?.fires ?? [],
  };
}

/** Whether the schedule starts jobs as things are. */
export function isFiring({ enabled, schedulePaused }: ClusterRecord): boolean {
  return enabled && !schedulePaused;
}

/** For people: why the schedule starts no job as things are; empty where it does. */
export function idleBecause({ enabled, schedulePaused }: ClusterRecord): string {
  if (!enabled) return 'the cluster is disabled';
  return schedulePaused ? 'the schedule is paused' : '';
}
