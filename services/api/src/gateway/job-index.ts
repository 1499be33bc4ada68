import type { AnyChange, Change } from '@berth/shared/model/cell/change';
import type { Created } from '@berth/shared/model/cell/creation-order';
import type { Entity } from '@berth/shared/model/cell/entity';
import { headOf, type TaskHead } from '@berth/shared/model/cell/task-head';
import { isJobLive } from '@berth/shared/model/job/job';
import type { JobLists } from './core/job-lists.js';
import { descriptorTerms, stateTerm, term } from './core/job-terms.js';
import { SortedList } from './core/sorted-list.js';
import type { ChangingView } from './views/changing-view.js';

/** A job of the index, with the words that list it. */
interface IndexedJob {
  readonly listed: Created;
  words: ReadonlySet<string>;
  stateWord: string;
}

/**
 * Lists of jobs by word, each in the order of creation. Each change updates them at the cost of that change,
 * so a look-up costs nothing. The index lives as long as the view.
 */
export class JobIndex implements JobLists {
  readonly #view: ChangingView;
  readonly #entries = new Map<string, IndexedJob>();
  readonly #all = new SortedList<Created>();
  readonly #lists = new Map<string, SortedList<Created>>();
  /** For each job, the number of its tasks in each state. Tasks may come before their job. */
  readonly #taskCounts = new Map<string, Map<number, number>>();

  constructor(view: ChangingView) {
    this.#view = view;
    for (const task of view.all('task')) this.#count(headOf(task), 1);
    for (const job of view.all('job')) this.#add(job);
    view.changes$.subscribe(({ changes }) => {
      for (const change of changes) this.#take(change);
    });
  }

  /** All jobs, live and finished. */
  get all(): readonly Created[] {
    return this.#all.items;
  }

  listOf(word: string): readonly Created[] {
    return this.#lists.get(word)?.items ?? [];
  }

  has(word: string, job: Created): boolean {
    return this.#lists.get(word)?.has(job) === true;
  }

  /** The ids of the cluster's live jobs. */
  liveJobsOf(clusterId: string): readonly string[] {
    return this.listOf(term.cluster(clusterId))
      .map(({ id }) => id)
      .filter((id) => isJobLive(this.#view.find('jobStatus', id)?.record));
  }

  #take(change: AnyChange): void {
    switch (change.kind) {
      case 'job':
        if (change.after === undefined) this.#drop(change.id);
        else if (this.#entries.has(change.id)) this.#redefine(change.after);
        else this.#add(change.after);
        return;
      case 'jobStatus':
        return this.#restate(change.id, change.after);
      case 'task':
        this.#recount(change);
        return;
      default:
        return;
    }
  }

  #add(job: Entity<'job'>): void {
    const listed = { id: job.id, createdAtMs: job.record.createdAtMs };
    const words = new Set(descriptorTerms(job));
    const entry = { listed, words, stateWord: stateTerm(this.#view.find('jobStatus', job.id)) };
    this.#entries.set(job.id, entry);
    this.#all.add(listed);
    for (const word of [...words, entry.stateWord, ...this.#taskWords(job.id)]) this.#list(word, listed);
  }

  #drop(jobId: string): void {
    const entry = this.#entries.get(jobId);
    if (entry === undefined) return;
    this.#entries.delete(jobId);
    this.#all.remove(entry.listed);
    for (const word of [...entry.words, entry.stateWord, ...this.#taskWords(jobId)])
      this.#unlist(word, entry.listed);
  }

  #redefine(job: Entity<'job'>): void {
    const entry = this.#entries.get(job.id);
    if (entry === undefined) return;
    const words = new Set(descriptorTerms(job));
    for (const word of entry.words) if (!words.has(word)) this.#unlist(word, entry.listed);
    for (const word of words) if (!entry.words.has(word)) this.#list(word, entry.listed);
    entry.words = words;
  }

  #restate(jobId: string, status: Entity<'jobStatus'> | undefined): void {
    const entry = this.#entries.get(jobId);
    const word = stateTerm(status);
    if (entry === undefined || entry.stateWord === word) return;
    this.#unlist(entry.stateWord, entry.listed);
    this.#list(word, entry.listed);
    entry.stateWord = word;
  }

  #recount({ before, after }: Change<'task'>): void {
    const [from, to] = [before && headOf(before), after && headOf(after)];
    if (from?.state === to?.state && from?.jobId === to?.jobId) return;
    if (from !== undefined) this.#count(from, -1);
    if (to !== undefined) this.#count(to, 1);
  }

  #count({ jobId, state }: TaskHead, by: 1 | -1): void {
    const counts = this.#taskCounts.get(jobId) ?? new Map<number, number>();
    const before = counts.get(state) ?? 0;
    const after = before + by;
    this.#taskCounts.set(jobId, counts);
    if (after === 0) counts.delete(state);
    else counts.set(state, after);
    if (counts.size === 0) this.#taskCounts.delete(jobId);
    const listed = this.#entries.get(jobId)?.listed;
    if (listed === undefined) return;
    if (before === 0) this.#list(term.taskState(state), listed);
    else if (after === 0) this.#unlist(term.taskState(state), listed);
  }

  #taskWords(jobId: string): readonly string[] {
    return [...(this.#taskCounts.get(jobId)?.keys() ?? [])].map(term.taskState);
  }

  #list(word: string, listed: Created): void {
    const list = this.#lists.get(word) ?? new SortedList<Created>();
    list.add(listed);
    this.#lists.set(word, list);
  }

  #unlist(word: string, listed: Created): void {
    const list = this.#lists.get(word);
    list?.remove(listed);
    if (list?.size === 0) this.#lists.delete(word);
  }
}
