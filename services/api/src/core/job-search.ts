import type { CellView } from '@berth/shared/model/cell-view';
import { byCreation, type Created } from './creation-order.js';
import type { JobView } from './observe.js';
import { type Filter, matchesJob } from './query.js';

/** Lists of jobs, each in the order of creation. */
export interface JobLists {
  readonly all: readonly Created[];
  /** The jobs that have the word; empty where none has. */
  listOf(word: string): readonly Created[];
}

/**
 * The jobs that meet the criteria, in the order of creation. Looks only at those in the shortest list that must hold
 * them all.
 */
export function searchJobs(view: CellView, lists: JobLists, filter: Filter): readonly Created[] {
  const candidates = filter.jobIds === undefined ? shortest(lists, filter) : named(view, filter.jobIds);
  return candidates.filter(({ id }) => {
    const job = view.find('job', id);
    return job !== undefined && matchesJob(filter, lazyView(view, job));
  });
}

/** A job's tasks are gathered only where a criterion looks at them. */
function lazyView(view: CellView, job: JobView['job']): JobView {
  const status = view.find('jobStatus', job.id);
  return {
    job,
    ...(status === undefined ? {} : { status }),
    get tasks() {
      return view.tasksOf(job.id);
    },
  };
}

function named(view: CellView, ids: ReadonlySet<string>): readonly Created[] {
  return [...ids]
    .flatMap((id) => view.find('job', id) ?? [])
    .map(({ id, record }) => ({ id, createdAtMs: record.createdAtMs }))
    .sort(byCreation);
}

function shortest(lists: JobLists, { words }: Filter): readonly Created[] {
  let size = lists.all.length;
  let best: readonly string[] | undefined;
  for (const alternatives of words) {
    const own = alternatives.reduce((sum, word) => sum + lists.listOf(word).length, 0);
    if (own >= size) continue;
    size = own;
    best = alternatives;
  }
  return best === undefined ? lists.all : union(best.map((word) => lists.listOf(word)));
}

/** Each of the items once, in order. */
function union(lists: readonly (readonly Created[])[]): readonly Created[] {
  const [only, ...others] = lists;
  if (only === undefined || others.length === 0) return only ?? [];
  const sorted = lists.flat().sort(byCreation);
  return sorted.filter((item, index) => sorted[index - 1]?.id !== item.id);
}
