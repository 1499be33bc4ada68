/*
 * Filters of FindJobs and FindTasks. Criteria are joined by AND; several values of one criterion by OR. A job
 * criterion looks at the job, a task criterion at each task: a job is found when one of its tasks meets them all.
 */

import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { jobKind, jobState } from '@berth/shared/model/job/job';
import { preferencesOf } from '@berth/shared/model/job/placement-preferences';
import { codeOf, isSystemCode } from '@berth/shared/model/task/reason';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import { findState, isTaskLive, taskState } from '@berth/shared/model/task/task-state';
import { imageNames, imageTag, term } from '../../gateway/core/job-terms.js';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';
import { areAmong, booleanOf, type Criteria, parseCriteria, type Vocabulary } from './criteria.js';

type JobTest = (job: JobWithTasks) => boolean;
type TaskTest = (task: TaskRecord) => boolean;

/** Criteria, parsed. */
export interface Filter {
  /** The only jobs that can be found; undefined for all. */
  readonly jobIds?: ReadonlySet<string>;
  readonly jobTests: readonly JobTest[];
  readonly taskTests: readonly TaskTest[];
  /** Whether a job meets all criteria, its tasks included. */
  readonly everyTest: JobTest;
  /** Whoever has one word at least of each of these lists meets all criteria but the unlisted ones. */
  readonly words: readonly (readonly string[])[];
  readonly unlistedTests: readonly JobTest[];
  readonly unlistedTaskTests: readonly TaskTest[];
}

interface Criterion {
  readonly jobIds?: ReadonlySet<string>;
  readonly job?: JobTest;
  readonly task?: TaskTest;
  /** Who has one word at least of each list meets the criterion, and nobody else does. */
  readonly words?: readonly (readonly string[])[];
}

const stateNames = 'QUEUED, DISPATCHED, STARTING, RUNNING, FINISHED, FAILED';
const kinds = ['batch', 'service', 'mantis'];

const vocabulary: Vocabulary<Criterion> = {
  readers: {
    jobIds: (ids) => ({ jobIds: ids, job: ({ job }) => ids.has(job.id) }),
    taskIds: (ids) => ({
      jobIds: new Set([...ids].map(jobIdOfTask)),
      task: ({ task }) => ids.has(task?.id ?? ''),
    }),
    jobClusterIds: (ids) => ({
      job: ({ job }) => ids.has(job.record.clusterId),
      words: [[...ids].map(term.cluster)],
    }),
    owner: (emails) => ({
      ...ofDescriptor(({ owner }) => [owner?.ownerEmail ?? '', owner?.teamEmail ?? ''], emails),
      words: [[...emails].map(term.owner)],
    }),
    appName: (names) => ({
      ...ofDescriptor(({ appName }) => [appName], names),
      words: [[...names].map(term.appName)],
    }),
    imageName: (names) => ({
      ...ofDescriptor((descriptor) => imagesOf(descriptor).flatMap(imageNames), names),
      words: [[...names].map(term.imageName)],
    }),
    imageTag: (tags) => ({
      ...ofDescriptor((descriptor) => imagesOf(descriptor).map(imageTag), tags),
      words: [[...tags].map(term.imageTag)],
    }),
    capacityGroup: (groups) => ({
      ...ofDescriptor((descriptor) => [preferencesOf(descriptor).capacityGroup], groups),
      words: [[...groups].map(term.capacityGroup)],
    }),
    jobGroupStack: (stacks) => ({
      ...ofDescriptor(({ jobGroupInfo }) => [jobGroupInfo?.stack ?? ''], stacks),
      words: [[...stacks].map(term.stack)],
    }),
    jobGroupDetail: (details) => ({
      ...ofDescriptor(({ jobGroupInfo }) => [jobGroupInfo?.detail ?? ''], details),
      words: [[...details].map(term.detail)],
    }),
    jobGroupSequence: (sequences) => ({
      ...ofDescriptor(({ jobGroupInfo }) => [jobGroupInfo?.sequence ?? ''], sequences),
      words: [[...sequences].map(term.sequence)],
    }),
    jobType: (types) =>
      areAmong(types, kinds)
        ? {
            ...ofDescriptor((descriptor) => [jobKind(descriptor) ?? ''], types),
            words: [[...types].map(term.kind)],
          }
        : 'batch, service or mantis',
    labels: (pairs, criteria) => labelCriterion(pairs, opOf(criteria)),
    'labels.op': (values) =>
      areAmong(lowerCase(values), ['and', 'or']) && values.size === 1 ? {} : '"and" or "or"',
    jobState: (names) => {
      const states = statesOf(names);
      if (states === undefined) return `some of ${stateNames}`;
      return {
        job: ({ status }) => states.has(jobState(status?.record)),
        words: [[...states].map(term.state)],
      };
    },
    taskStates: (names) => {
      if (names.size === 1 && names.has('any')) return {};
      const states = statesOf(names);
      if (states === undefined) return `"any", or some of ${stateNames}`;
      return { task: (task) => states.has(taskState(task)), words: [[...states].map(term.taskState)] };
    },
    taskStateReasons: (codes) => ({ task: (task) => codes.has(reasonCode(task)) }),
    skipSystemFailures: (values) => {
      const isWanted = booleanOf(values);
      if (isWanted === undefined) return 'true or false';
      return isWanted ? { task: (task) => !isSystemCode(reasonCode(task)) } : {};
    },
    agentIds: (ids) => ({ task: ({ agentId }) => ids.has(agentId) }),
  },
  aliases: { applicationName: 'appName', attributes: 'labels', 'attributes.op': 'labels.op' },
};

/** Whether the agent is being emptied by its operator. */
export type IsDraining = (agentId: string) => boolean;

/**
 * The filter of these criteria, or everything that is wrong with them. Where it is not told which agents are drained,
 * `needsMigration` is none of them: it does not hold of a job and its tasks alone, so that no stream can go by it.
 */
export function parseFilter(
  criteria: Criteria,
  isDraining?: IsDraining,
): { readonly filter: Filter } | { readonly violations: readonly FieldViolation[] } {
  const result = parseCriteria(criteria, isDraining === undefined ? vocabulary : withDrains(isDraining));
  return 'violations' in result ? result : { filter: combine(result.parsed) };
}

function withDrains(isDraining: IsDraining): Vocabulary<Criterion> {
  const needsMigration = (values: ReadonlySet<string>): Criterion | string => {
    const isWanted = booleanOf(values);
    if (isWanted === undefined) return 'true or false';
    return { task: (task) => (isTaskLive(task) && isDraining(task.agentId)) === isWanted };
  };
  return { readers: { ...vocabulary.readers, needsMigration }, aliases: vocabulary.aliases };
}

/** Whether the job meets the criteria that the filter's words do not speak of. */
export function matchesUnlisted({ unlistedTests, unlistedTaskTests }: Filter, job: JobWithTasks): boolean {
  return meets(unlistedTests, unlistedTaskTests, job);
}

function meets(jobTests: readonly JobTest[], taskTests: readonly TaskTest[], job: JobWithTasks): boolean {
  if (!jobTests.every((test) => test(job))) return false;
  return taskTests.length === 0 || job.tasks.some(({ record }) => taskTests.every((test) => test(record)));
}

/** Whether the task meets the task criteria. */
export function matchesTask(filter: Filter, task: TaskRecord): boolean {
  return filter.taskTests.every((test) => test(task));
}

/** Whether the job itself meets the job criteria, whatever its tasks. */
export function matchesJobAlone(filter: Filter, job: JobWithTasks): boolean {
  return filter.jobTests.every((test) => test(job));
}

function combine(parsed: readonly Criterion[]): Filter {
  const jobIds = fewest(parsed.flatMap((criterion) => criterion.jobIds ?? []));
  const jobTests = parsed.flatMap(({ job }) => job ?? []);
  const taskTests = parsed.flatMap(({ task }) => task ?? []);
  // It must be one task that meets all task criteria: of several, words say too little.
  const areTasksListed = taskTests.length === 1;
  const unlisted = parsed.filter(({ words }) => words === undefined);
  return {
    ...(jobIds === undefined ? {} : { jobIds }),
    jobTests,
    taskTests,
    everyTest: (job) => meets(jobTests, taskTests, job),
    words: parsed.flatMap(({ words }) => words ?? []),
    unlistedTests: unlisted.flatMap(({ job }) => job ?? []),
    unlistedTaskTests: areTasksListed ? unlisted.flatMap(({ task }) => task ?? []) : taskTests,
  };
}

/** All criteria are asked of each job anyway, so that the least of these sets will do. */
function fewest(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> | undefined {
  return sets.toSorted((a, b) => a.size - b.size)[0];
}

/** A test for descriptors that have one of the values in this place. */
function ofDescriptor(
  valuesOf: (descriptor: JobDescriptor) => readonly string[],
  wanted: ReadonlySet<string>,
): Criterion {
  return {
    job: ({ job: { record } }) =>
      record.descriptor !== undefined && valuesOf(record.descriptor).some((value) => wanted.has(value)),
  };
}

function imagesOf({ containers }: JobDescriptor): readonly string[] {
  return Object.values(containers).map(({ image }) => image?.name ?? '');
}

function reasonCode({ task }: TaskRecord): string {
  return codeOf(task?.state?.reason ?? '');
}

function lowerCase(values: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...values].map((value) => value.toLowerCase()));
}

function opOf(criteria: Criteria): 'and' | 'or' {
  const ops = ['labels.op', 'attributes.op'].map((key) =>
    Object.hasOwn(criteria, key) ? criteria[key] : '',
  );
  return ops.some((op) => op?.trim().toLowerCase() === 'or') ? 'or' : 'and';
}

function statesOf(names: ReadonlySet<string>): ReadonlySet<number> | undefined {
  const states = [...names].map(findState);
  return states.includes(undefined) ? undefined : new Set(states.filter((state) => state !== undefined));
}

/** `key` asks for a label of that name, `key:value` for its value too; several values of one key are alternatives. */
function labelCriterion(pairs: ReadonlySet<string>, op: 'and' | 'or'): Criterion | string {
  const wanted = new Map<string, Set<string>>();
  for (const pair of pairs) {
    const colon = pair.indexOf(':');
    const key = colon < 0 ? pair : pair.slice(0, colon);
    if (key === '') return 'names of labels, as in "team,stack:main"';
    const values = wanted.get(key) ?? new Set();
    if (colon >= 0) values.add(pair.slice(colon + 1));
    wanted.set(key, values);
  }
  const has =
    (labels: Readonly<Record<string, string>>) =>
    ([key, values]: [string, Set<string>]) =>
      Object.hasOwn(labels, key) && (values.size === 0 || values.has(labels[key] ?? ''));
  const words = [...wanted].map(([key, values]) =>
    values.size === 0 ? [term.label(key)] : [...values].map((value) => term.labelValue(key, value)),
  );
  return {
    job: ({ job }) => {
      const test = has(job.record.descriptor?.labels ?? {});
      return op === 'and' ? [...wanted].every(test) : [...wanted].some(test);
    },
    words: op === 'and' ? words : [words.flat()],
  };
}
