import type { Timestamp } from '@berth/shared/gen/google/protobuf/timestamp';
import { type Job, type JobInstance, JobState } from '@berth/shared/gen/job/v1/job_service';
import { formatAge } from '../../terminal/age.js';
import type { Style } from '../../terminal/colors.js';
import type { TableCell } from '../../terminal/table.js';

export const kindHeadings = ['KIND', 'SCHEDULE', 'AGE', 'DESCRIPTION'] as const;

/** Returns the row of a kind under {@link kindHeadings}. */
export function kindRow(
  { kind, cronSpec, scheduleAt, registeredAt, description }: Job,
  nowMs: number,
): TableCell[] {
  const once = scheduleAt === undefined ? undefined : new Date(msOf(scheduleAt)).toISOString();
  return [kind, cronSpec ?? once ?? '-', age(registeredAt, nowMs), description || '-'];
}

export const instanceHeadings = ['INSTANCE', 'KIND', 'STATE', 'ATTEMPTS', 'AGE', 'RESULT'] as const;

const styles: Readonly<Record<JobState, Style | undefined>> = {
  [JobState.UNSET]: undefined,
  [JobState.CREATED]: 'yellow',
  [JobState.SCHEDULED]: 'yellow',
  [JobState.PROCESSING]: 'green',
  [JobState.CANCELLED]: 'dim',
  [JobState.TIMED_OUT]: 'red',
  [JobState.COMPLETED]: 'dim',
  [JobState.TERMINATED]: 'red',
};

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(JobState).map(([name, flag]) => [flag, name]),
);

/** Returns the row of an instance under {@link instanceHeadings}. */
export function instanceRow(instance: JobInstance, nowMs: number, retry = ''): TableCell[] {
  const { uuid, kind, state, attempts, createdAt, error, results } = instance;
  return [
    uuid,
    kind,
    { text: names.get(state) ?? String(state), style: styles[state] },
    String(attempts ?? 0),
    age(createdAt, nowMs),
    error ?? (results.join(' | ') || retry),
  ];
}

/** Returns the state of an instance, then its results or its error: `COMPLETED sent 41`. */
export function instanceText({ state, error, results }: JobInstance): string {
  return [names.get(state) ?? String(state), error ?? results.join(' | ')].filter(Boolean).join(' ');
}

function age(since: Timestamp | undefined, nowMs: number): string {
  return since === undefined ? '-' : formatAge(nowMs - msOf(since));
}

function msOf({ seconds, nanos }: Timestamp): number {
  return seconds * 1000 + Math.floor(nanos / 1_000_000);
}
