/*
 * Filters of FindJobs and FindTasks. Criteria are joined by AND; several values of one criterion by OR. A job
 * criterion looks at the job, a task criterion at each task: a job is found when one of its tasks meets them all.
 */
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { FieldViolation } from '@berth/shared/model/errors';
import { jobKind, jobState } from '@berth/shared/model/job';
import { codeOf } from '@berth/shared/model/reason';
import { findState, taskState } from '@berth/shared/model/task-state';
import type { JobView } from './observe.js';

type JobTest = (job: JobView) => boolean;
type TaskTest = (task: TaskRecord) => boolean;

/** Criteria, parsed. */
export interface Filter {
  /** The only jobs that can be found; undefined for all. */
  readonly jobIds?: ReadonlySet<string>;
  readonly jobTests: readonly JobTest[];
  readonly taskTests: readonly TaskTest[];
}

type Criterion = { jobIds?: ReadonlySet<string>; job?: JobTest; task?: TaskTest };

/** How each criterion reads its values; a string says what they should be. */
const criteria: Readonly<
  Record<string, (values: ReadonlySet<string>, op: 'and' | 'or') => Criterion | string>
> = {
  jobIds: (ids) => ({ jobIds: ids, job: ({ job }) => ids.has(job.id) }),
  taskIds: (ids) => ({ task: ({ task }) => ids.has(task?.id ?? '') }),
  owner: (emails) => ({ job: ({ job }) => isOwner(job.record.descriptor?.owner, emails) }),
  appName: (names) => ({ job: ({ job }) => names.has(job.record.descriptor?.appName ?? '') }),
  jobType: (kinds) => {
    if (![...kinds].every((kind) => ['batch', 'service', 'mantis'].includes(kind)))
      return 'batch, service or mantis';
    return {
      job: ({ job }) =>
        job.record.descriptor !== undefined && kinds.has(jobKind(job.record.descriptor) ?? ''),
    };
  },
  labels: (pairs, op) => labelCriterion(pairs, op),
  jobState: (names) => {
    const states = statesOf(names);
    if (states === undefined || states.size !== 1) return `one of ${stateNames}`;
    return { job: ({ status }) => states.has(jobState(status?.record)) };
  },
  taskStates: (names) => {
    if (names.size === 1 && names.has('any')) return {};
    const states = statesOf(names);
    return states === undefined
      ? `"any", or some of ${stateNames}`
      : { task: (task) => states.has(taskState(task)) };
  },
  taskStateReasons: (codes) => ({ task: ({ task }) => codes.has(codeOf(task?.state?.reason ?? '')) }),
};

const aliases: Readonly<Record<string, string>> = {
  applicationName: 'appName',
  attributes: 'labels',
  'attributes.op': 'labels.op',
};

const stateNames = 'QUEUED, DISPATCHED, STARTING, RUNNING, FINISHED, FAILED';
const knownKeys = [...Object.keys(criteria), 'labels.op', ...Object.keys(aliases)].join(', ');

/** The filter of these criteria, or everything that is wrong with them. */
export function parseFilter(
  given: Readonly<Record<string, string>>,
): { readonly filter: Filter } | { readonly violations: readonly FieldViolation[] } {
  const violations: FieldViolation[] = [];
  const refuse = (key: string, description: string) => {
    violations.push({ field: `fiterlingCriteria[${JSON.stringify(key)}]`, description });
  };
  const op = parseOp(given, refuse);
  const parsed: Criterion[] = [];
  for (const [key, value] of Object.entries(given)) {
    const name = Object.hasOwn(aliases, key) ? (aliases[key] ?? key) : key;
    if (name === 'labels.op') continue;
    const criterion = Object.hasOwn(criteria, name) ? criteria[name]?.(valuesOf(value), op) : undefined;
    if (criterion === undefined) refuse(key, `is not a known criterion; known are ${knownKeys}`);
    else if (value.trim() === '') refuse(key, 'has no value');
    else if (typeof criterion === 'string')
      refuse(key, `is ${JSON.stringify(value)}, but must be ${criterion}`);
    else parsed.push(criterion);
  }
  return violations.length > 0 ? { violations } : { filter: combine(parsed) };
}

/** Whether the job meets all criteria, its tasks included. */
export function matchesJob(filter: Filter, job: JobView): boolean {
  if (!filter.jobTests.every((test) => test(job))) return false;
  return filter.taskTests.length === 0 || job.tasks.some(({ record }) => matchesTask(filter, record));
}

/** Whether the task meets the task criteria. */
export function matchesTask(filter: Filter, task: TaskRecord): boolean {
  return filter.taskTests.every((test) => test(task));
}

/** Whether the job itself meets the job criteria, whatever its tasks. */
export function matchesJobAlone(filter: Filter, job: JobView): boolean {
  return filter.jobTests.every((test) => test(job));
}

function combine(parsed: readonly Criterion[]): Filter {
  const jobIds = parsed.find((criterion) => criterion.jobIds !== undefined)?.jobIds;
  return {
    ...(jobIds === undefined ? {} : { jobIds }),
    jobTests: parsed.flatMap(({ job }) => (job === undefined ? [] : [job])),
    taskTests: parsed.flatMap(({ task }) => (task === undefined ? [] : [task])),
  };
}

function parseOp(
  given: Readonly<Record<string, string>>,
  refuse: (key: string, what: string) => void,
): 'and' | 'or' {
  let op: 'and' | 'or' = 'and';
  for (const key of ['labels.op', 'attributes.op']) {
    const value = Object.hasOwn(given, key) ? given[key]?.trim().toLowerCase() : undefined;
    if (value === 'or' || value === 'and') op = value;
    else if (value !== undefined) refuse(key, `is ${JSON.stringify(value)}, but must be "and" or "or"`);
  }
  return op;
}

function valuesOf(text: string): ReadonlySet<string> {
  return new Set(text.split(',').map((value) => value.trim()));
}

function statesOf(names: ReadonlySet<string>): ReadonlySet<number> | undefined {
  const states = [...names].map(findState);
  return states.includes(undefined) ? undefined : new Set(states.filter((state) => state !== undefined));
}

function isOwner(
  owner: { ownerEmail: string; teamEmail: string } | undefined,
  emails: ReadonlySet<string>,
): boolean {
  return owner !== undefined && (emails.has(owner.ownerEmail) || emails.has(owner.teamEmail));
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
  return {
    job: ({ job }) => {
      const test = has(job.record.descriptor?.labels ?? {});
      return op === 'and' ? [...wanted].every(test) : [...wanted].some(test);
    },
  };
}
