import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Change, CommitChanges } from '@berth/shared/model/cell/change';
import { headOf } from '@berth/shared/model/cell/task-head';
import { isJobLive } from '@berth/shared/model/job/job';
import { isTerminal } from '@berth/shared/model/task/task-state';

/**
 * True if the result of a resynchronisation cannot be sent as changes. In the first case a state went back,
 * because the store was set back or emptied. In the second case the end of a live task or job was missed,
 * because the log was trimmed before it was read. Changes would then report a finish that may never have
 * happened. A new snapshot is correct.
 */
export function contradictsHistory(commit: CommitChanges, view: CellView): boolean {
  const statuses = new Map(
    commit.changes.flatMap((change) => (change.kind === 'jobStatus' ? [[change.id, change] as const] : [])),
  );
  return commit.changes.some((change) => {
    switch (change.kind) {
      case 'cluster':
        return isOlder(change);
      case 'job':
        return isOlder(change) || isLostLive(change, statuses.get(change.id), view);
      case 'task':
        return hasGoneBack(change) || isMissedEnd(change, statuses, view);
      case 'jobStatus':
        return !isJobLive(change.before?.record) && isLiveAgain(change, view);
      default:
        return false;
    }
  });
}

function hasGoneBack({ before, after }: Change<'task'>): boolean {
  if (before === undefined || after === undefined) return false;
  const [from, to] = [headOf(before).state, headOf(after).state];
  return to < from || (isTerminal(from) && to !== from);
}

function isOlder({ before, after }: Change<'cluster' | 'job'>): boolean {
  return before !== undefined && after !== undefined && after.revision < before.revision;
}

/** A job that was live when it was last seen, and is gone. */
function isLostLive(
  { id, before, after }: Change<'job'>,
  status: Change<'jobStatus'> | undefined,
  view: CellView,
): boolean {
  if (before === undefined || after !== undefined) return false;
  const last = status === undefined ? view.find('jobStatus', id) : status.before;
  return isJobLive(last?.record);
}

/** A task that was live when it was last seen, as was its job, and is gone. */
function isMissedEnd(
  { before, after }: Change<'task'>,
  statuses: ReadonlyMap<string, Change<'jobStatus'>>,
  view: CellView,
): boolean {
  if (before === undefined || after !== undefined || isTerminal(headOf(before).state)) return false;
  const { jobId } = headOf(before);
  const status = statuses.get(jobId);
  const last = status === undefined ? view.find('jobStatus', jobId) : status.before;
  return view.find('job', jobId) !== undefined && isJobLive(last?.record);
}

function isLiveAgain({ id, after }: Change<'jobStatus'>, view: CellView): boolean {
  return view.find('job', id) !== undefined && isJobLive(after?.record);
}
