import type { CellView } from '@berth/shared/model/cell/cell-view';
import { byCreation, type Created } from '@berth/shared/model/cell/creation-order';
import type { JobLists } from '../../gateway/core/job-lists.js';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';
import { type JobFilter, matchesUnlisted } from './query.js';

/**
 * Returns the jobs that meet the criteria, in the order of creation. It goes through the shortest list that
 * must hold them all. It reads a job itself only for criteria without lists.
 */
export function searchJobs(view: CellView, lists: JobLists, filter: JobFilter): readonly Created[] {
  if (filter.jobIds !== undefined) return named(view, filter);
  const { candidates, words } = choose(lists, filter.words);
  const hasUnlisted = filter.unlistedTests.length + filter.unlistedTaskTests.length > 0;
  if (words.length === 0 && !hasUnlisted) return candidates;
  return candidates.filter(
    (item) =>
      words.every((alternatives) => alternatives.some((word) => lists.has(word, item))) &&
      (!hasUnlisted || isFound(view, item.id, filter)),
  );
}

function isFound(view: CellView, id: string, filter: JobFilter): boolean {
  const job = view.find('job', id);
  return job !== undefined && matchesUnlisted(filter, new LazyJob(view, job));
}

/** A job that gathers its tasks only if a criterion needs them. */
class LazyJob implements JobWithTasks {
  readonly job: JobWithTasks['job'];
  readonly #view: CellView;

  constructor(view: CellView, job: JobWithTasks['job']) {
    this.job = job;
    this.#view = view;
  }

  get status(): JobWithTasks['status'] {
    return this.#view.find('jobStatus', this.job.id);
  }

  get tasks(): JobWithTasks['tasks'] {
    return this.#view.tasksOf(this.job.id);
  }
}

function named(view: CellView, { jobIds = new Set(), everyTest }: JobFilter): readonly Created[] {
  return [...jobIds]
    .flatMap((id) => view.find('job', id) ?? [])
    .filter((job) => everyTest(new LazyJob(view, job)))
    .map(({ id, record }) => ({ id, createdAtMs: record.createdAtMs }))
    .sort(byCreation);
}

interface Choice {
  readonly candidates: readonly Created[];
  /** The lists that each candidate still has to be in. */
  readonly words: readonly (readonly string[])[];
}

/** A union of several lists takes about this many times as long as a walk through them. */
const joinCost = 8;

function choose(lists: JobLists, words: JobFilter['words']): Choice {
  let least = lists.all.length;
  let best: readonly string[] | undefined;
  for (const alternatives of words) {
    const size = alternatives.reduce((sum, word) => sum + lists.listOf(word).length, 0);
    const cost = alternatives.length > 1 ? size * joinCost : size;
    if (cost >= least) continue;
    least = cost;
    best = alternatives;
  }
  if (best === undefined) return { candidates: lists.all, words };
  const candidates = union(best.map((word) => lists.listOf(word)));
  return { candidates, words: words.filter((alternatives) => alternatives !== best) };
}

/** Each of the items once, in order. */
function union(lists: readonly (readonly Created[])[]): readonly Created[] {
  const [only, ...others] = lists;
  if (only === undefined || others.length === 0) return only ?? [];
  return [...new Set(lists.flat())].sort(byCreation);
}
