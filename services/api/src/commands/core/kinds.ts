/** The registered kinds of job.v1, and the job that one of them creates. */
import type { ClusterRecord } from '@berth/shared/gen/berth/v1/store';
import type { Job, ScheduleJobRequest } from '@berth/shared/gen/job/v1/job_service';
import { JobDescriptor, type Owner } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { didYouMean } from '@berth/shared/model/errors/did-you-mean';
import { BerthError, type FieldViolation } from '@berth/shared/model/errors/errors';
import { clusterIdLabel, containerOf } from '@berth/shared/model/job/job';
import {
  maxPriority,
  minPriority,
  preferencesOf,
  priorityLabel,
} from '@berth/shared/model/job/placement-preferences';
import { descriptionLabel, registeredKind } from '@berth/shared/model/job/registered-kind';
import { scheduleOf } from '@berth/shared/model/schedule/schedule';
import type { ClusterView } from '@berth/shared/model/submission/clusters';
import { timestampOf } from './job-instances.js';

/** A kind and the cluster that registers it. */
interface Kind {
  readonly name: string;
  readonly cluster: ClusterView;
}

/** The most kinds that an error names if none is similar to the requested one. */
const maxNamed = 10;

/** Returns the kinds that these clusters register, in the order of the clusters. */
export function kindsOf(clusters: readonly ClusterView[]): readonly Kind[] {
  return clusters.flatMap((cluster) => {
    const name = registeredKind(cluster.record);
    return name === undefined ? [] : [{ name, cluster }];
  });
}

/**
 * Returns the cluster of that kind.
 * @throws BerthError notFound that names similar kinds; failedPrecondition that names the clusters if several
 * have the name.
 */
export function requireKind(kinds: readonly Kind[], name: string): ClusterView {
  const [found, ...others] = kinds.filter((kind) => kind.name === name).map(({ cluster }) => cluster);
  if (found === undefined) {
    throw new BerthError('notFound', `There is no registered kind ${quote(name)}${hint(kinds, name)}`);
  }
  if (others.length === 0) return found;
  const ids = [found, ...others].map(({ id }) => id).join(', ');
  const message = `Several job clusters are named ${quote(name)}: ${ids}. A kind must be the name of one: rename the others.`;
  throw new BerthError('failedPrecondition', message);
}

function hint(kinds: readonly Kind[], name: string): string {
  const known = [...new Set(kinds.map((kind) => kind.name))].toSorted();
  const meant = didYouMean(name, known);
  if (meant !== undefined) return `; did you mean ${quote(meant)}?`;
  if (known.length === 0) return ': no job cluster has a batch template.';
  const named = known.slice(0, maxNamed).map(quote).join(', ');
  const more = known.length > maxNamed ? ` and ${known.length - maxNamed} more` : '';
  return `; known are ${named}${more}.`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** The public message of a kind. */
export function composeKind({ name, cluster: { record } }: Kind): Job {
  const when = scheduleOf(record)?.when;
  const labels = record.descriptor?.jobDescriptor?.labels ?? {};
  return {
    kind: name,
    description: Object.hasOwn(labels, descriptionLabel) ? (labels[descriptionLabel] ?? '') : '',
    registeredAt: timestampOf(record.createdAtMs),
    ...(when?.$case === 'cron' ? { cronSpec: when.expression } : {}),
    ...(when?.$case === 'once' ? { scheduleAt: timestampOf(when.atMs) } : {}),
  };
}

/** job.v1's word for "unset". */
const unsetPriority = -1;

/** job.v1 gives this priority to a job without one: half-way between its "high", 0, and its "low", 10. */
const standardPriority = 5;

/** The greatest priority that a request may have; such jobs come last. */
export const maxRequestPriority = 1000;

/** Returns the violations of a request that do not depend on the kinds. */
export function scheduleViolations({ kind, priority }: ScheduleJobRequest): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  if (kind === '') violations.push({ field: 'kind', description: 'is required' });
  const isKnown = priority === undefined || (priority >= unsetPriority && priority <= maxRequestPriority);
  if (!isKnown) {
    const description = `is ${priority}, but must be from 0 (first) to ${maxRequestPriority} (last), or -1 for unset`;
    violations.push({ field: 'priority', description });
  }
  return violations;
}

/**
 * Returns the descriptor of a job of that cluster: the command is the template's with the arguments appended.
 */
export function scheduledDescriptor(
  { id, record }: ClusterView,
  { arguments: given, priority = unsetPriority }: ScheduleJobRequest,
): JobDescriptor {
  const template = record.descriptor?.jobDescriptor ?? JobDescriptor.create();
  const container = containerOf(template);
  const containerId = Object.entries(template.containers).find(([, each]) => each === container)?.[0];
  return JobDescriptor.fromPartial({
    owner: ownerOf(record, template),
    labels: {
      [clusterIdLabel]: id,
      ...(priority === unsetPriority
        ? {}
        : { [priorityLabel]: String(placementPriority(template, priority)) }),
    },
    containers:
      container === undefined || containerId === undefined || given.length === 0
        ? {}
        : { [containerId]: { command: [...container.command, ...given] } },
    jobSpec: { $case: 'batch', value: {} },
  });
}

/** The owner of a kind is responsible for its jobs: callers of job.v1 rarely identify themselves. */
function ownerOf({ descriptor }: ClusterRecord, template: JobDescriptor): Owner {
  const of = (field: keyof Owner) => template.owner?.[field] || (descriptor?.owner?.[field] ?? '');
  return { ownerEmail: of('ownerEmail'), teamEmail: of('teamEmail') };
}

/**
 * Berth runs greater priorities first, job.v1 lower ones. The distance to the template's priority is the
 * distance to the default of job.v1.
 */
function placementPriority(template: JobDescriptor, priority: number): number {
  const wanted = preferencesOf(template).priority + standardPriority - priority;
  return Math.max(minPriority, Math.min(maxPriority, wanted));
}
