import type { TaskInstances } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors/errors';
import { type Command, Option } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { UsageError } from '../../errors/usage-error.js';
import { numberOption, parseNumber } from '../../job-input/job-input.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { resolveJob } from '../../session/resolve-id.js';

interface ScaleOptions {
  readonly min?: number;
  readonly max?: number;
  readonly desired?: number;
  readonly stage?: string;
  readonly policies?: 'on' | 'off';
}

export function addScale(program: Command, act: Act): void {
  const command = program
    .command('scale')
    .description('change the number of tasks of a service job, or of a stage of a Mantis job')
    .argument('<job>', 'id of a job, a prefix of it, or the name of a job')
    .argument('[desired]', 'number of tasks to keep running', parseNumber)
    .addOption(numberOption('--min <count>', 'minimum number of tasks'))
    .addOption(numberOption('--max <count>', 'maximum number of tasks'))
    .addOption(numberOption('--desired <count>', 'the same as the argument'))
    .option('--stage <number>', 'stage of a Mantis job, from 1')
    .addOption(
      new Option('--policies <switch>', 'switch the scaling policies of a service on or off').choices([
        'on',
        'off',
      ]),
    );
  command.action((job: string, desired: number | undefined, options: ScaleOptions) =>
    act(command, (context) =>
      scale(context, job, {
        ...options,
        ...(desired === undefined ? {} : { desired: sole(desired, options) }),
      }),
    ),
  );
}

function sole(desired: number, options: ScaleOptions): number {
  if (options.desired === undefined || options.desired === desired) return desired;
  throw new UsageError(
    `The command names both ${desired} and ${options.desired} tasks: name only one number.`,
  );
}

async function scale(
  context: Context,
  given: string,
  { stage, policies, ...counts }: ScaleOptions,
): Promise<number> {
  const instances: Partial<TaskInstances> = counts;
  const named = Object.entries(instances).map(([name, count]) => `${name} ${count}`);
  if (named.length === 0 && policies === undefined)
    throw new UsageError(
      'A number is missing: berth scale JOB 5, or --min, --max or --desired; or --policies on or off.',
    );
  const id = await context.withCalls(async (calls) => {
    const jobId = await resolveJob(calls, given);
    if (named.length > 0)
      await calls
        .updateJobInstances({ jobId, instances: counts }, stage === undefined ? {} : { stage })
        .catch((error: unknown) => Promise.reject(inOptions(error)));
    if (policies !== undefined) await calls.updateJobStatus({ id: jobId, enableStatus: policies === 'on' });
    return jobId;
  });
  const changes = [...named, ...(policies === undefined ? [] : [`policies ${policies}`])];
  const where = stage === undefined ? {} : { stage };
  const line = [...(stage === undefined ? [] : [`stage ${stage}`]), ...changes].join(', ');
  if (context.format === 'table') context.io.out(`${id}  ${line}`);
  else await context.printAll({ id, ...where, instances, ...(policies && { policies }) });
  return exitCodes.ok;
}

/**
 * Puts the gateway's refusal into the words of the command line: the header of the stage becomes its option.
 */
function inOptions(error: unknown): unknown {
  if (!(error instanceof BerthError)) return error;
  const stage = error.violations.find(({ field }) => field === 'metadata berth.stage');
  return stage === undefined ? error : new UsageError(`--stage ${stage.description}.`);
}
