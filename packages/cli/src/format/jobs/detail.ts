import type {
  Constraints,
  Container,
  Job,
  JobDescriptor,
  Owner,
  StateChange,
  Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import {
  type Instances,
  instancesOf,
  retryPolicyOf,
  runtimeLimitSecs,
  unboundedInstances,
} from '@berth/shared/model/job/job';
import { isAtMostOnce } from '@berth/shared/model/job/retry-options';
import { noStage } from '@berth/shared/model/job/stages';
import { defaultResources } from '@berth/shared/model/resources/resources';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import { ageSince, formatSpan } from '../../terminal/age.js';
import type { Colorize } from '../../terminal/colors.js';
import { stateCell } from '../../terminal/state.js';
import { alignRows, renderTable, type TableCell } from '../../terminal/table.js';
import { agentName, countTasks, createdAt, desiredOf, type HostAddresses, portsOf } from './job-facts.js';
import { retryText } from './retries.js';
import { taskTable } from './rows.js';
import { policiesText } from './scaling.js';
import { mantisFacts, stageLines, waitSentences } from './stages.js';

export type Fact = readonly [label: string, value: TableCell];

/** Facts about a job that are not in its message. */
interface JobView {
  readonly addresses?: HostAddresses;
  /** The name of its cluster. */
  readonly cluster?: string;
  readonly results?: readonly string[];
}

/** Returns everything about a job as lines. */
export function jobDetail(
  { job, tasks }: { readonly job: Job; readonly tasks: readonly Task[] },
  { addresses = new Map(), cluster = '', results = [] }: JobView,
  nowMs: number,
  colorize: Colorize,
): string[] {
  const descriptor = job.jobDescriptor;
  const table = taskTable(tasks, nowMs, { addresses, all: tasks });
  return [
    ...facts(jobFacts(job, tasks, { nowMs, cluster }), colorize),
    ...section('Results', results, colorize),
    ...section(
      'Stages',
      [...stageLines(descriptor, tasks, colorize), ...waitSentences(job, tasks)],
      colorize,
    ),
    ...Object.entries(descriptor?.containers ?? {}).flatMap(([id, container]) =>
      section(`Container ${id}`, facts(containerFacts(container), colorize), colorize),
    ),
    ...section('History', historyLines(job.stateChanges, nowMs, colorize), colorize),
    ...section('Tasks', renderTable(table.headings, table.rows, colorize), colorize),
  ];
}

/** Returns everything about a task as lines. */
export function taskDetail(
  task: Task,
  addresses: HostAddresses,
  nowMs: number,
  colorize: Colorize,
): string[] {
  const context = Object.entries(task.taskContext).sort(([a], [b]) => (a < b ? -1 : 1));
  const list: Fact[] = [
    ['Task', task.id],
    ['Job', jobIdOfTask(task.id)],
    ['State', stateCell(task.state?.state)],
    ['Reason', task.state?.reason ?? ''],
    ['Created', when(createdAt(task), nowMs)],
    ['Agent', agentName(task)],
    ['Ports', portsOf(task, addresses)],
  ];
  return [
    ...facts(list, colorize),
    ...section('Context', facts(context, colorize), colorize),
    ...section('History', historyLines(task.stateChanges, nowMs, colorize), colorize),
  ];
}

function jobFacts(
  job: Job,
  tasks: readonly Task[],
  { nowMs, cluster }: { readonly nowMs: number; readonly cluster: string },
): Fact[] {
  const descriptor = job.jobDescriptor;
  const counts = countTasks(descriptor, tasks);
  const replaced = counts.replaced === 0 ? '' : `, ${counts.replaced} replaced`;
  const group = descriptor?.jobGroupInfo;
  return [
    ['Job', job.id],
    ['Name', descriptor?.appName ?? ''],
    [
      'Group',
      group === undefined ? '' : [group.stack, group.detail, group.sequence].filter(Boolean).join('-'),
    ],
    ['Type', typeLine(descriptor)],
    ['State', stateCell(job.jobState?.state)],
    ['Reason', job.jobState?.reason ?? ''],
    [
      'Tasks',
      `${counts.running} running, ${counts.waiting} on the way, ${counts.finished} finished, ${counts.failed} failed${replaced}`,
    ],
    ['Retries', retryText(job, tasks, nowMs)],
    ['Cluster', cluster === '' ? job.jobClusterId : `${cluster} (${job.jobClusterId})`],
    ['Owner', ownerText(descriptor?.owner)],
    ['Labels', pairs(descriptor?.labels ?? {})],
    ['Created', when(createdAt(job), nowMs)],
    ['Scaling', policiesText(descriptor)],
    ...mantisFacts(descriptor),
  ];
}

export function ownerText(owner: Owner | undefined): string {
  const { ownerEmail = '', teamEmail = '' } = owner ?? {};
  return ownerEmail === teamEmail || teamEmail === '' ? ownerEmail : `${ownerEmail} (team ${teamEmail})`;
}

/** Returns the type of the job, and its numbers of tasks. */
export function typeLine(descriptor: JobDescriptor | undefined): string {
  const spec = descriptor?.jobSpec;
  if (descriptor === undefined || spec === undefined) return '';
  const wanted = `${spec.$case}, ${desiredOf(descriptor)} wanted`;
  if (spec.$case === 'mantis') return `${wanted} in ${stagesText(spec.value.stages.length)}`;
  if (spec.$case === 'service') return `${wanted} (${rangeText(instancesOf(descriptor))})`;
  const limit = runtimeLimitSecs(descriptor);
  return [wanted, retryLine(descriptor), ...(limit > 0 ? [`at most ${formatSpan(limit * 1000)}`] : [])].join(
    ', ',
  );
}

function stagesText(count: number): string {
  return count === 1 ? '1 stage' : `${count} stages`;
}

function rangeText({ min, max }: Instances): string {
  return `min ${min}, max ${max === unboundedInstances ? 'unbounded' : max}`;
}

/** Describes the retries of failed tasks. */
function retryLine(descriptor: JobDescriptor, stage: number = noStage): string {
  if (isAtMostOnce(descriptor)) return 'never started a second time';
  const { $case, value } = retryPolicyOf(descriptor, stage);
  if (value.retries === 0) return 'no retries';
  const retries = value.retries === 1 ? '1 retry' : `${value.retries} retries`;
  return $case === 'immediate' ? retries : `${retries} (${$case})`;
}

export function containerFacts(container: Container): Fact[] {
  const { name = '', imageId = '' } = container.image ?? {};
  return [
    ['Image', [name, imageId].filter(Boolean).join(' ')],
    ['Resources', resourcesText(container.resources)],
    ['Entry point', words(container.entryPoint)],
    ['Command', words(container.command)],
    ['Environment', pairs(container.env)],
    ['Must run', constraintText(container.hardConstraints)],
    ['Should run', constraintText(container.softConstraints)],
    ['Parameters', pairs(container.parameters)],
    ['Security', pairs(container.securityProfile)],
  ];
}

/** Returns the amounts of a container, with the cell's defaults for those that it leaves out. */
function resourcesText(resources: Container['resources']): string {
  const defaults = Object.entries(defaultResources)
    .filter(([name]) => !(name in resources))
    .map(([name, amount]) => `${name}=${amount} (default)`);
  return [pairs(resources), ...defaults].filter(Boolean).join(', ');
}

function constraintText(constraints: Constraints | undefined): string {
  if (constraints === undefined) return '';
  return [pairs(constraints.constraints), constraints.expression].filter(Boolean).join(' and ');
}

function historyLines(changes: readonly StateChange[], nowMs: number, colorize: Colorize): string[] {
  return alignRows(
    changes.map(({ state, timestamp }): TableCell[] => [state, when(timestamp, nowMs)]),
    colorize,
  );
}

function when(timestamp: string | undefined, nowMs: number): string {
  return timestamp === undefined || timestamp === ''
    ? ''
    : `${timestamp} (${ageSince(timestamp, nowMs)} ago)`;
}

/** Returns the facts as aligned lines, without the empty ones. */
export function facts(list: readonly Fact[], colorize: Colorize): string[] {
  const filled = list.filter(([, value]) => (typeof value === 'string' ? value : value.text) !== '');
  return alignRows(
    filled.map(([label, value]): TableCell[] => [{ text: label, style: 'dim' }, value]),
    colorize,
  );
}

/** Returns the lines under a heading; nothing if there are no lines. */
export function section(title: string, lines: readonly string[], colorize: Colorize): string[] {
  return lines.length === 0 ? [] : ['', colorize('bold', title), ...lines.map((line) => `  ${line}`)];
}

export function pairs(map: Readonly<Record<string, string>>): string {
  return Object.entries(map)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}

/** Quotes arguments for a shell. */
function words(list: readonly string[]): string {
  return list
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
