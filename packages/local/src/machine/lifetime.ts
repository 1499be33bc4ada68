/** What has to be undone at the end, in the reverse order of how it came about. */
export interface Lifetime {
  /** Aborted when the end was asked for (Ctrl-C); long work looks at it between its steps. */
  readonly signal: AbortSignal;
  /** Registers what undoes a step that has just been done. */
  defer(undo: () => Promise<void>): void;
  /** Asks for the end. */
  abort(reason: Error): void;
  /** Undoes everything, also where some of it fails; rejects with the failures. May be called again. */
  close(): Promise<void>;
}

/** The end was asked for while something was still going on. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** A lifetime with nothing to undo yet. */
export function createLifetime(): Lifetime {
  const controller = new AbortController();
  const undos: Array<() => Promise<void>> = [];
  return {
    signal: controller.signal,
    defer: (undo) => void undos.push(undo),
    abort: (reason) => controller.abort(reason),
    async close() {
      const failures: unknown[] = [];
      for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
        await undo().catch((error: unknown) => failures.push(error));
      }
      if (failures.length === 1) throw failures[0];
      if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '));
    },
  };
}
