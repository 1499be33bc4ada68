import { readFile } from 'node:fs/promises';
import type { JobCalls } from '@berth/client';
import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { clusterIdLabel } from '@berth/shared/model/job/job';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../errors/usage-error.js';
import type { GivenJob } from '../job-file/parse.js';
import { resolveCluster } from '../session/resolve-cluster.js';
import type { Io } from '../terminal/io.js';
import type { JobOptions } from './job-options.js';

/** Adds the arguments and options that describe a job. */
export function addJobInput(command: Command): Command {
  return command
    .showHelpAfterError(
      '(options of the command inside the container go after --; berth help COMMAND lists all options)',
    )
    .argument('[image]', 'image to run, such as busybox:1.36')
    .argument('[command...]', 'command of the container; put -- before it')
    .option('-f, --file <path>', 'take the job from a YAML or JSON file (- for standard input)')
    .option('--name <name>', "name of the job (default: the image's name)")
    .option('--service', 'keep the tasks running for ever, instead of running each to its end')
    .option('-n, --instances <count>', 'how many tasks')
    .option('--cpu <cores>', 'cores of each task, such as 0.5')
    .option('--memory <size>', 'memory of each task: MB, or with a unit as in 512MiB')
    .option('--disk <size>', 'disk of each task: MB, or with a unit')
    .option('--network <rate>', 'network of each task: Mbps, or with a unit as in 1Gb')
    .option('--gpu <gpus>', 'GPUs of each task')
    .addOption(
      listOption(
        '-p, --port <port>',
        'port of the container that gets one of the host: 80, 53/udp, 8080:80; may be repeated',
      ),
    )
    .addOption(
      listOption(
        '-e, --env <NAME=VALUE>',
        'environment variable; NAME alone takes the value of the calling shell; may be repeated',
      ),
    )
    .addOption(
      listOption('--env-file <path>', 'file of NAME=VALUE lines for the environment; may be repeated'),
    )
    .addOption(listOption('-l, --label <name=value>', 'label of the job; may be repeated'))
    .option('--entrypoint <command>', "command that replaces the image's entry point")
    .option(
      '--retries <count>',
      'number of retries of a failed task; never: nothing is started a second time',
    )
    .option('--runtime-limit <time>', 'maximum time of a task, such as 90s, 10m or 1h30m')
    .option('--retry-runtime-limit', 'retry tasks that ran longer than the runtime limit, too')
    .option(
      '--cluster <cluster>',
      'job cluster, by its id, its name or a prefix of its id; its template fills in missing fields',
    );
}

/**
 * Returns the job that the command line describes: by flags, by a file, or by the cluster's template alone.
 * The cluster is not in it yet: {@link createJob} puts it there.
 */
export async function readJob(
  io: Io,
  image: string | undefined,
  words: readonly string[],
  options: JobOptions,
): Promise<GivenJob> {
  const isTemplateAlone =
    options.cluster !== undefined &&
    [image, options.file, ...otherFlags(undefined, options)].every((given) => given === undefined);
  return isTemplateAlone
    ? { descriptor: JobDescriptor.fromPartial({}) }
    : describeJob(io, image, words, options);
}

/** Submits the job, in the given cluster if there is one. */
export async function createJob(
  calls: JobCalls,
  given: GivenJob,
  { cluster }: JobOptions,
): Promise<{ readonly id: string }> {
  const { descriptor } = given;
  const job =
    cluster === undefined ? descriptor : inCluster(descriptor, await resolveCluster(calls, cluster));
  return inWordsOf(given, calls.createJob(job));
}

function inCluster(job: JobDescriptor, clusterId: string): JobDescriptor {
  return { ...job, labels: { ...job.labels, [clusterIdLabel]: clusterId } };
}

/** Waits for the gateway. If it refuses the job, the error has the words of the caller's flags or file. */
export async function inWordsOf<T>(
  { shortFile, isByFlags }: Pick<GivenJob, 'shortFile' | 'isByFlags'>,
  answer: Promise<T>,
): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isByFlags === true) throw (await import('./flag-words.js')).refusedFlags(error);
    if (shortFile === undefined) throw error;
    const { inShortForm } = await import('../job-file/api-paths.js');
    throw inShortForm(shortFile, error);
  }
}

async function describeJob(
  io: Io,
  image: string | undefined,
  words: readonly string[],
  options: JobOptions,
): Promise<GivenJob> {
  if (options.file === undefined) {
    if (image === undefined) throw new UsageError('Name an image to run, or a job file with -f.');
    const { fromFlags } = await import('./job-flags.js');
    const variables = await readEnvFiles(options.envFile ?? []);
    const env = [...variables, ...(options.env ?? [])];
    return { descriptor: fromFlags(io, image, words, { ...options, env }), isByFlags: true };
  }
  const others = otherFlags(image, options);
  if (others.length > 0)
    throw new UsageError(`With -f the file describes the whole job; leave out ${others.join(', ')}.`);
  return readFileOf(io, options.file);
}

/** Reads a job file, such as the template of a cluster; `-` is standard input. */
export async function readFileOf(io: Io, path: string): Promise<GivenJob> {
  const { parseJobFile } = await import('../job-file/parse.js');
  return path === '-'
    ? parseJobFile(await io.readInput(), 'standard input')
    : parseJobFile(await readJobFile(path), path);
}

function otherFlags(image: string | undefined, options: JobOptions): string[] {
  const describing = [
    'name',
    'service',
    'instances',
    'cpu',
    'memory',
    'disk',
    'network',
    'gpu',
    'port',
    'env',
    'envFile',
    'label',
    'entrypoint',
    'retries',
    'runtimeLimit',
    'retryRuntimeLimit',
  ] as const;
  const flags = describing
    .filter((key) => options[key] !== undefined)
    .map((key) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  return image === undefined ? flags : [image, ...flags];
}

/** Lines of NAME=VALUE, or of NAME alone. Empty lines and lines that begin with # do not count. */
async function readEnvFiles(paths: readonly string[]): Promise<readonly string[]> {
  const texts = await Promise.all(paths.map((path) => readJobFile(path)));
  const lines = texts.flatMap((text) => text.split(/\r?\n/));
  return lines.filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'));
}

async function readJobFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'it is a directory'
          : code === 'EACCES'
            ? 'permission denied'
            : String(error);
    throw new UsageError(`${path} cannot be read: ${why}.`);
  }
}

/** Parses a whole number that is not negative. */
export function parseNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

export function numberOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseNumber);
}

/** Makes an option that can be given several times, with one value each. */
export function listOption<T = string>(
  flags: string,
  description: string,
  parse?: (text: string) => T,
): Option {
  return new Option(flags, description).argParser((text, list: readonly (T | string)[] = []) => [
    ...list,
    parse === undefined ? text : parse(text),
  ]);
}
