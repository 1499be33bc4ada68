/* The options of `berth cluster create` and `update` for schedules and for limits of live jobs. */
import type {
  DeepPartial,
  JobClusterDescriptor,
  JobDescriptor,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { scheduleLabels } from '@berth/shared/model/schedule/schedule';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../../errors/usage-error.js';

export interface ScheduleOptions {
  /** A cron expression; false for `--no-cron`. */
  readonly cron?: string | false;
  readonly cronZone?: string;
  readonly cronPolicy?: string;
  readonly cronReplace?: string;
}

export interface LimitOptions {
  readonly min?: number;
  readonly max?: number;
}

/** The options of a schedule. */
export function addScheduleOptions(command: Command): Command {
  return command
    .option('--cron <expression>', 'start a job at these times, such as "0 6 * * *"')
    .option('--cron-zone <zone>', 'IANA time zone of these times (default: UTC)')
    .addOption(
      new Option('--cron-policy <policy>', 'effect of a run while a job is live').choices([
        'allow',
        'forbid',
        'replace',
      ]),
    )
    .addOption(
      new Option('--cron-replace <order>', 'with the policy replace: the job that gives way').choices([
        'startFirst',
        'stopFirst',
      ]),
    );
}

/** The options of a Mantis cluster. */
export function addLimitOptions(command: Command): Command {
  return command
    .option('--min <jobs>', 'of a mantis cluster: the minimum of live jobs', parseJobs)
    .option('--max <jobs>', 'of a mantis cluster: the maximum of live jobs', parseJobs);
}

/** Returns the spec of a cluster of this type. */
export function clusterSpecOf(
  type: 'batch' | 'service' | 'mantis',
  { min, max }: LimitOptions,
): NonNullable<DeepPartial<JobClusterDescriptor>['clusterSpec']> {
  if (type === 'mantis')
    return {
      $case: 'mantis',
      value: { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) },
    };
  if (min !== undefined || max !== undefined)
    throw new UsageError('--min and --max are for clusters of --type mantis.');
  return { $case: type, value: {} };
}

/** Returns the template with the schedule labels of the options. `--no-cron` removes all schedule labels. */
export function scheduledTemplate<T extends DeepPartial<JobDescriptor>>(
  template: T | undefined,
  { cron, cronZone, cronPolicy, cronReplace }: ScheduleOptions,
): T | undefined {
  if ([cron, cronZone, cronPolicy, cronReplace].every((option) => option === undefined)) return template;
  if (template === undefined)
    throw new UsageError(
      'A schedule starts jobs from the template of its cluster: give one with --template.',
    );
  const given = {
    [scheduleLabels.cronSpec]: cron || undefined,
    [scheduleLabels.cronTimeZone]: cronZone,
    [scheduleLabels.cronPolicy]: cronPolicy,
    [scheduleLabels.cronReplace]: cronReplace,
  };
  const known = new Set<string>(Object.values(scheduleLabels));
  const before = Object.entries(template.labels ?? {}).filter(
    ([label]) => cron !== false || !known.has(label),
  );
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...template, labels: Object.fromEntries([...before, ...set]) };
}

function parseJobs(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
