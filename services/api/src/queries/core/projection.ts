import {
  Job,
  type JobCluster,
  JobClusterDescriptor,
  JobDescriptor,
  Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { FieldViolation } from '@berth/shared/model/errors/errors';

/** The fields of a message that a query may select; `true` is a field without named parts. */
export interface Shape {
  readonly [field: string]: Shape | true;
}

const stateShape: Shape = { state: true, reason: true };
const changesShape: Shape = { state: true, timestamp: true };
export const taskShape: Shape = {
  id: true,
  taskContext: true,
  state: stateShape,
  stateChanges: changesShape,
};
const ownerShape: Shape = { ownerEmail: true, teamEmail: true };
const descriptorShape: Shape = {
  owner: ownerShape,
  appName: true,
  jobGroupInfo: { stack: true, detail: true, sequence: true },
  labels: true,
  containers: true,
  batch: true,
  service: true,
  mantis: true,
};
export const jobShape: Shape = {
  id: true,
  jobClusterId: true,
  jobDescriptor: descriptorShape,
  tasks: taskShape,
  jobState: stateShape,
  stateChanges: changesShape,
};

export const clusterShape: Shape = {
  id: true,
  descriptor: {
    owner: ownerShape,
    name: true,
    jobDescriptor: descriptorShape,
    batch: true,
    service: true,
    mantis: true,
  },
};

/** The selected fields: all, or those named. */
export type FieldSelection = true | ReadonlyMap<string, FieldSelection>;

/** Returns the selection of these paths, or every unknown path. No paths select everything. */
export function parseSelection(
  paths: readonly string[],
  shape: Shape,
): { readonly selection: FieldSelection } | { readonly violations: readonly FieldViolation[] } {
  if (paths.length === 0) return { selection: true };
  const violations: FieldViolation[] = [];
  const root = new Map<string, FieldSelection>();
  paths.forEach((path, index) => {
    const names = path.split('.');
    if (isPath(names, shape)) select(root, names);
    else
      violations.push({
        field: `fields[${index}]`,
        description: `there is no field ${JSON.stringify(path.slice(0, 60))}`,
      });
  });
  return violations.length > 0 ? { violations } : { selection: root };
}

function isPath(names: readonly string[], shape: Shape): boolean {
  const [first = '', ...rest] = names;
  const part = Object.hasOwn(shape, first) ? shape[first] : undefined;
  if (part === undefined) return false;
  return rest.length === 0 || (part !== true && isPath(rest, part));
}

function select(into: Map<string, FieldSelection>, names: readonly string[]): void {
  const [first = '', ...rest] = names;
  const known = into.get(first);
  if (known === true) return;
  if (rest.length === 0) {
    into.set(first, true);
    return;
  }
  const part = known === undefined ? new Map<string, FieldSelection>() : new Map(known);
  select(part, rest);
  into.set(first, part);
}

/** Returns the job with the selected fields, its id and its app name. */
export function projectJob(job: Job, selection: FieldSelection): Job {
  if (selection === true) return job;
  const descriptor = selection.get('jobDescriptor') ?? new Map();
  const tasks = selection.get('tasks');
  const picked = { id: job.id, ...pick(job, selection, jobFields) };
  return {
    ...(isWhole(selection, jobFields) ? { ...emptyJob, ...picked } : Job.fromPartial(picked)),
    jobDescriptor: job.jobDescriptor && projectDescriptor(job.jobDescriptor, descriptor),
    tasks: tasks === undefined ? [] : job.tasks.map((task) => projectTask(task, tasks)),
  };
}

/** Returns the task with the selected fields and its id. */
export function projectTask(task: Task, selection: FieldSelection): Task {
  if (selection === true) return task;
  const picked = pick(task, selection, taskFields);
  // A page has a thousand tasks, so complete fields are not copied.
  if (isWhole(selection, taskFields)) return { ...emptyTask, id: task.id, ...picked };
  return Task.fromPartial({ id: task.id, ...picked });
}

const taskFields = ['taskContext', 'state', 'stateChanges'] as const;
const emptyTask = Task.create();
const descriptorFields = ['owner', 'jobGroupInfo', 'labels', 'containers'] as const;
const emptyDescriptor = JobDescriptor.create();
const jobFields = ['jobClusterId', 'jobState', 'stateChanges'] as const;
const emptyJob = Job.create();

/** True if each selected field is complete. A part of a field is not a complete message. */
function isWhole(selection: ReadonlyMap<string, FieldSelection>, fields: readonly string[]): boolean {
  return fields.every((field) => (selection.get(field) ?? true) === true);
}

function projectDescriptor(descriptor: JobDescriptor, selection: FieldSelection): JobDescriptor {
  if (selection === true) return descriptor;
  const { jobSpec } = descriptor;
  const picked = {
    appName: descriptor.appName,
    ...pick(descriptor, selection, descriptorFields),
    ...(jobSpec !== undefined && selection.has(jobSpec.$case) ? { jobSpec } : {}),
  };
  if (isWhole(selection, descriptorFields)) return { ...emptyDescriptor, ...picked };
  return JobDescriptor.fromPartial(picked);
}

/** Returns the cluster with the selected fields, its id and its name. */
export function projectCluster(cluster: JobCluster, selection: FieldSelection): JobCluster {
  if (selection === true) return cluster;
  const { id, descriptor } = cluster;
  const parts = selection.get('descriptor') ?? new Map();
  return { id, descriptor: descriptor && projectClusterDescriptor(descriptor, parts) };
}

function projectClusterDescriptor(
  descriptor: JobClusterDescriptor,
  selection: FieldSelection,
): JobClusterDescriptor {
  if (selection === true) return descriptor;
  const { clusterSpec, jobDescriptor } = descriptor;
  const template = selection.get('jobDescriptor');
  return JobClusterDescriptor.fromPartial({
    name: descriptor.name,
    ...pick(descriptor, selection, ['owner']),
    ...(template !== undefined && jobDescriptor !== undefined
      ? { jobDescriptor: projectDescriptor(jobDescriptor, template) }
      : {}),
    ...(clusterSpec !== undefined && selection.has(clusterSpec.$case) ? { clusterSpec } : {}),
  });
}

/** Returns the selected fields among these; of some fields only the selected parts. */
function pick<T extends object, K extends keyof T & string>(
  message: T,
  selection: ReadonlyMap<string, FieldSelection>,
  fields: readonly K[],
): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {};
  for (const field of fields) {
    const part = selection.get(field);
    if (part !== undefined) picked[field] = part === true ? message[field] : keepParts(message[field], part);
  }
  return picked;
}

function keepParts<V>(value: V, parts: ReadonlyMap<string, FieldSelection>): V {
  if (Array.isArray(value)) return value.map((item) => keepParts(item, parts)) as V;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => parts.has(name))) as V;
}
