/** A checked request of a subscriber of the whole cell. */
import {
  type ObserveRequest_Subscription,
  ObservedKind as WireKind,
} from '@berth/shared/gen/berth/v1/observe_service';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import {
  type FieldSelection,
  jobShape,
  parseSelection,
  type Shape,
  taskShape,
} from '../../../queries/core/projection.js';
import { parseFilter } from '../../../queries/core/query.js';
import { type CellSelection, type ObservedKind, observedKinds } from './cell-changes.js';
import { type Dimension, parseDimensions } from './task-counts.js';

export interface ParsedObserveRequest {
  readonly selection: CellSelection;
  readonly jobFields: FieldSelection;
  readonly taskFields: FieldSelection;
  readonly bookmarkIntervalMs: number;
  /** The properties by which tasks are counted. Undefined if the subscriber gets the changes themselves. */
  readonly countBy: readonly Dimension[] | undefined;
  /** Subscriptions with the same key get the same messages. */
  readonly key: string;
}

const defaultBookmarkIntervalMs = 10_000;
const minBookmarkIntervalMs = 100;

const kindOfWire: ReadonlyMap<number, ObservedKind> = new Map([
  [WireKind.CLUSTER, 'cluster'],
  [WireKind.JOB, 'job'],
  [WireKind.JOB_STATUS, 'jobStatus'],
  [WireKind.TASK, 'task'],
  [WireKind.AGENT, 'agent'],
  [WireKind.AGENT_STATUS, 'agentStatus'],
  [WireKind.CLUSTER_STATUS, 'clusterStatus'],
  [WireKind.JOB_SCALING, 'jobScaling'],
  [WireKind.AGENT_DRAIN, 'agentDrain'],
]);

/** Returns the subscription, or all of its violations. */
export function parseObserveRequest(
  request: ObserveRequest_Subscription,
): { readonly subscription: ParsedObserveRequest } | { readonly violations: readonly FieldViolation[] } {
  const { kinds: wireKinds, filteringCriteria, jobFields, taskFields } = request;
  const violations: FieldViolation[] = [];
  const kinds = wireKinds.map((kind) => kindOfWire.get(kind));
  kinds.forEach((kind, index) => {
    if (kind === undefined) violations.push({ field: `kinds[${index}]`, description: 'is not a known kind' });
  });
  const parsed = parseFilter(filteringCriteria);
  if ('violations' in parsed)
    violations.push(
      ...parsed.violations.map((one) => ({
        ...one,
        field: one.field.replace(/^[^[]*/, 'filtering_criteria'),
      })),
    );
  const jobMask = fieldsOf('job_fields', jobFields, jobShape, violations);
  const taskMask = fieldsOf('task_fields', taskFields, taskShape, violations);
  const counted = parseDimensions(request.countTasksBy);
  if ('violations' in counted) violations.push(...counted.violations);
  const isCount = request.countTasksBy.length > 0;
  if (isCount) violations.push(...besideCounts(request));
  if ('violations' in parsed || 'violations' in counted || violations.length > 0) return { violations };
  const wanted = new Set(wireKinds.length === 0 ? observedKinds : kinds.filter((kind) => kind !== undefined));
  const hasCriteria = Object.keys(filteringCriteria).length > 0;
  const subscription: ParsedObserveRequest = {
    selection: { kinds: wanted, filter: hasCriteria ? parsed.filter : undefined },
    jobFields: jobMask,
    taskFields: taskMask,
    bookmarkIntervalMs: Math.max(
      minBookmarkIntervalMs,
      request.bookmarkIntervalMs || defaultBookmarkIntervalMs,
    ),
    countBy: isCount ? counted.dimensions : undefined,
    key: JSON.stringify([
      request.countTasksBy,
      [...wanted].sort(),
      Object.entries(filteringCriteria).sort(([a], [b]) => (a < b ? -1 : 1)),
      jobFields.toSorted(),
      taskFields.toSorted(),
    ]),
  };
  return { subscription };
}

/** Finds settings for entities. A request for counts must have none, since it gets no entities. */
function besideCounts(request: ObserveRequest_Subscription): readonly FieldViolation[] {
  const named = { kinds: request.kinds, job_fields: request.jobFields, task_fields: request.taskFields };
  return Object.entries(named).flatMap(([field, values]) =>
    values.length === 0 ? [] : [{ field, description: 'does not go with count_tasks_by' }],
  );
}

function fieldsOf(
  name: string,
  paths: readonly string[],
  shape: Shape,
  violations: FieldViolation[],
): FieldSelection {
  const parsed = parseSelection(paths, shape);
  if ('selection' in parsed) return parsed.selection;
  violations.push(...parsed.violations.map((one) => ({ ...one, field: one.field.replace(/^fields/, name) })));
  return true;
}
