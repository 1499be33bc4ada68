/*
 * Filters of FindJobs and FindTasks. All criteria must be met; several values of one criterion are
 * alternatives. A job criterion tests the job, a task criterion tests each task. A query finds a job if one
 * of its tasks meets all task criteria.
 */

import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { jobKind, jobState } from '@berth/shared/model/job/job';
import { preferencesOf } from '@berth/shared/model/job/placement-preferences';
import { isSystemCode } from '@berth/shared/model/task/failure';
import { codeOf } from '@berth/shared/model/task/reason';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import { findState, isTaskLive, taskState } from '@berth/shared/model/task/task-state';
import { imageNames, imageTag, term } from '../../gateway/core/job-terms.js';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';
import { areAmong, booleanOf, type Criteria, parseCriteria, type Vocabulary } from './criteria.js';

type JobTest = (job: JobWithTasks) => boolean;
type TaskTest = (task: TaskRecord) => boolean;

/** Criteria, parsed. */
export interface JobFilter {
  /** Only these jobs can be found; undefined for all. */
  readonly jobIds?: ReadonlySet<string>;
  readonly jobTests: readonly JobTest[];
  readonly taskTests: readonly TaskTest[];
  /** True if a job meets all criteria, including those of its tasks. */
  readonly everyTest: JobTest;
  /** A job that has at least one word of each list meets all criteria except the unlisted ones. */
  readonly words: readonly (readonly string[])[];
  readonly unlistedTests: readonly JobTest[];
  readonly unlistedTaskTests: readonly TaskTest[];
}

interface Criterion {
  readonly jobIds?: ReadonlySet<string>;
  readonly job?: JobTest;
  readonly task?: TaskTest;
  /** A job meets the criterion exactly if it has at least one word of each list. */
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

/** True if an operator drains the agent. */
export type IsDraining = (agentId: string) => boolean;

/**
 * Returns the filter of these criteria, or all violations. Without `isDraining`, `needsMigration` is unknown:
 * it depends on more than a job and its tasks, so no stream can use it.
 */
export function parseFilter(
  criteria: Criteria,
  isDraining?: IsDraining,
): { readonly filter: JobFilter } | { readonly violations: readonly FieldViolation[] } {
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

/** True if the job meets the criteria that the filter's words do not cover. */
export function matchesUnlisted({ unlistedTests, unlistedTaskTests }: JobFilter, job: JobWithTasks): boolean {
  return meets(unlistedTests, unlistedTaskTests, job);
}

function meets(jobTests: readonly JobTest[], taskTests: readonly TaskTest[], job: JobWithTasks): boolean {
  if (!jobTests.every((test) => test(job))) return false;
  return taskTests.length === 0 || job.tasks.some(({ record }) => taskTests.every((test) => test(record)));
}

/** True if the task meets the task criteria. */
export function matchesTask(filter: JobFilter, task: TaskRecord): boolean {
  return filter.taskTests.every((test) => test(task));
}

/** True if the job itself meets the job criteria. Its tasks do not count. */
export function matchesJobAlone(filter: JobFilter, job: JobWithTasks): boolean {
  return filter.jobTests.every((test) => test(job));
}

function combine(parsed: readonly Criterion[]): JobFilter {
  const jobIds = fewest(parsed.flatMap((criterion) => criterion.jobIds ?? []));
  const jobTests = parsed.flatMap(({ job }) => job ?? []);
  const taskTests = parsed.flatMap(({ task }) => task ?? []);
  // One task must meet all task criteria. For several criteria the words cannot tell that.
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

/** Every job is tested for all criteria, so the smallest of these sets suffices. */
function fewest(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> | undefined {
  return sets.toSorted((a, b) => a.size - b.size)[0];
}

/** Returns a test for descriptors that have one of the wanted values. */
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

/**
 * `key` selects a label of that name, `key:value` one with that value, too. Several values of one key are
 * alternatives.
 */
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
