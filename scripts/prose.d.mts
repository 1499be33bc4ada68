export interface Offender {
  readonly line: number;
  readonly kind: 'start' | 'word' | 'long';
  readonly text: string;
}

export interface Measure {
  readonly sentences: number;
  readonly words: number;
  readonly clauseWords: number;
  readonly offenders: readonly Offender[];
}

export interface Total {
  readonly sentences: number;
  readonly startsShare: number;
  readonly wordsPerThousand: number;
}

export const bounds: {
  readonly clauseStartsShare: number;
  readonly clauseWordsPerThousand: number;
  readonly commentColumns: number;
};
export function proseFiles(dir?: string): readonly string[];
export function measure(path: string, source: string): Measure;
export function total(measures: readonly Measure[]): Total;
