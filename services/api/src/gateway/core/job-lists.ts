import type { Created } from '@berth/shared/model/cell/creation-order';

/** Lists of jobs, each in the order of creation. All lists share one object for each job. */
export interface JobLists {
  readonly all: readonly Created[];
  /** Returns the jobs that have the word. */
  listOf(word: string): readonly Created[];
  has(word: string, job: Created): boolean;
}
