/** Everything that must be undone at the end, in the reverse order of its making. */
export interface Lifetime {
  /** Aborted at the request to end (Ctrl-C). Long work checks it between its steps. */
  readonly signal: AbortSignal;
  /** Registers the function that undoes a completed step. */
  defer(undo: () => Promise<void>): void;
  /** Requests the end. */
  abort(reason: Error): void;
  /** Undoes everything, also after failures, and then rejects with them. It can be called again. */
  close(): Promise<void>;
}

/** The end was requested while something still ran. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Returns a lifetime with nothing to undo yet. */
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
