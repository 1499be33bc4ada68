import type { Created } from '@berth/shared/model/cell/creation-order';

/** Lists of jobs, each in the order of creation. One job is the same object in all of them. */
export interface JobLists {
  readonly all: readonly Created[];
  /** The jobs that have the word; empty where none has. */
  listOf(word: string): readonly Created[];
  has(word: string, job: Created): boolean;
}
