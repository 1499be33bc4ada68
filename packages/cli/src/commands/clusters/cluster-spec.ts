/* What `berth cluster create` and `update` say of when a cluster's jobs start, and of how many live. */
import type {
  DeepPartial,
  JobClusterDescriptor,
  JobDescriptor,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { scheduleLabels } from '@berth/shared/model/schedule/schedule';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../../errors/usage-error.js';

export interface ScheduleOptions {
  /** An expression; false for `--no-cron`. */
  readonly cron?: string | false;
  readonly cronZone?: string;
  readonly cronPolicy?: string;
}

export interface LimitOptions {
  readonly min?: number;
  readonly max?: number;
}

/** The options of a schedule. */
export function addScheduleOptions(command: Command): Command {
  return command
    .option('--cron <expression>', 'start a job whenever this comes, such as "0 6 * * *"')
    .option('--cron-zone <zone>', 'by the clock of this IANA time zone (default: UTC)')
    .addOption(
      new Option('--cron-policy <policy>', 'what a fire does while a job lives').choices([
        'allow',
        'forbid',
        'replace',
      ]),
    );
}

/** The options of a Mantis cluster. */
export function addLimitOptions(command: Command): Command {
  return command
    .option('--min <jobs>', 'of a mantis cluster: keep so many jobs', parseJobs)
    .option('--max <jobs>', 'of a mantis cluster: let no more jobs live', parseJobs);
}

/** The spec of a cluster of that type. */
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

/** The template with the labels that the options ask for; those of a schedule that is taken away are left out. */
export function scheduledTemplate<T extends DeepPartial<JobDescriptor>>(
  template: T | undefined,
  { cron, cronZone, cronPolicy }: ScheduleOptions,
): T | undefined {
  if (cron === undefined && cronZone === undefined && cronPolicy === undefined) return template;
  if (template === undefined)
    throw new UsageError(
      'A schedule starts jobs from the template of its cluster: give one with --template.',
    );
  const given = {
    [scheduleLabels.cronSpec]: cron || undefined,
    [scheduleLabels.cronTimeZone]: cronZone,
    [scheduleLabels.cronPolicy]: cronPolicy,
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
