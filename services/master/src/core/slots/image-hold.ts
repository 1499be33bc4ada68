/*
 * A job whose image has no digest yet must not run two images under one name. It waits for the leader's
 * resolution. Without one, its first task begins alone, and the digest that this task runs pins the others.
 */
import type { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isAhead } from '@berth/shared/model/cell/leader-time';
import { containerOf, instancesOf, isJobLive } from '@berth/shared/model/job/job';
import { stagesOf } from '@berth/shared/model/job/stages';
import { imageDigestKey, unpinnedName } from '@berth/shared/model/submission/image-pins';
import { isTaskLive } from '@berth/shared/model/task/task-state';

type Descriptor = NonNullable<JobRecord['descriptor']>;

/** The stages of a job that wait for the digests of their images. */
export interface ImageHold {
  /** By stage, the number of tasks that may begin now. Stages that do not wait are absent. */
  readonly budgets: ReadonlyMap<number, number>;
  /** The time at which the wait for the leader ends; Infinity: it does not wait for the leader. */
  readonly untilMs: number;
  /** The reason of the wait, for people. Absent: nothing waits. */
  readonly text?: string;
}

const open: ImageHold = { budgets: new Map(), untilMs: Number.POSITIVE_INFINITY };

/** Returns the stages that wait for a digest. Only a tag of a stated registry makes them wait. */
export function imageHold(job: JobRecord, tasks: readonly TaskRecord[], nowMs: number): ImageHold {
  const { descriptor, resolveImagesUntilMs: untilMs = 0 } = job;
  if (descriptor === undefined) return open;
  const names = unpinnedStages(descriptor);
  if (names.size === 0) return open;
  // A clock that ran ahead holds nothing up.
  if (nowMs < untilMs && !isAhead(untilMs, nowMs)) {
    const text = `waits for the digest of ${[...new Set(names.values())].join(', ')} from its registry`;
    return { budgets: new Map([...names.keys()].map((stage) => [stage, 0])), untilMs, text };
  }
  return firstsOf(descriptor, names, tasks);
}

/** Returns the status with the reason of the wait, or without it once the wait is over. */
export function withImageWait(status: JobStatusRecord, { text = '' }: ImageHold): JobStatusRecord {
  const { state } = status;
  if (state === undefined || !isJobLive(status) || state.reason === text) return status;
  if (text === '' && !state.reason.startsWith(waits)) return status;
  return { ...status, state: { ...state, reason: text } };
}

const waits = 'waits for the digest of ';

/** A descriptor never changes, and each reconcile pass asks. */
const knownStages = new WeakMap<Descriptor, ReadonlyMap<number, string>>();

function unpinnedStages(descriptor: Descriptor): ReadonlyMap<number, string> {
  const known = knownStages.get(descriptor);
  if (known !== undefined) return known;
  const names = new Map<number, string>();
  for (const stage of stagesOf(descriptor)) {
    const name = unpinnedName(containerOf(descriptor, stage)?.image);
    if (name !== undefined) names.set(stage, name);
  }
  knownStages.set(descriptor, names);
  return names;
}

/** Of each image one task begins, in the first of its stages that has any. */
function firstsOf(
  descriptor: Descriptor,
  names: ReadonlyMap<number, string>,
  tasks: readonly TaskRecord[],
): ImageHold {
  const begun = new Set<string>();
  const free = new Set<string>();
  for (const task of tasks) {
    const name = names.get(task.stage);
    if (name === undefined) continue;
    if (isTaskLive(task)) begun.add(name);
    // Its engine knows no digest: the image is local to it. So no other task can wait for one.
    if (task.runningAtMs > 0 && task.task?.taskContext[imageDigestKey] === undefined) free.add(name);
  }
  const budgets = new Map<number, number>();
  for (const [stage, name] of names) {
    if (free.has(name) || instancesOf(descriptor, stage).desired === 0) continue;
    budgets.set(stage, begun.has(name) ? 0 : 1);
    begun.add(name);
  }
  const waiting = [...new Set(names.values())].filter(
    (name) => !free.has(name) && hasMore(descriptor, names, name),
  );
  const text = `${waits}${waiting.join(', ')}, which the first task pulls`;
  return { ...open, budgets, ...(waiting.length === 0 ? {} : { text }) };
}

/** True if more than one task needs the image. */
function hasMore(descriptor: Descriptor, names: ReadonlyMap<number, string>, name: string): boolean {
  let wanted = 0;
  for (const [stage, other] of names) if (other === name) wanted += instancesOf(descriptor, stage).desired;
  return wanted > 1;
}
