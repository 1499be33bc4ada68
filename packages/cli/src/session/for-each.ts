import {
  catchError,
  concatMap,
  EMPTY,
  fromEvent,
  lastValueFrom,
  type Observable,
  takeUntil,
  throwError,
} from 'rxjs';

/**
 * Passes each value to `use`, one after the other, until the stream completes or the signal aborts. Rejects
 * with the error of the stream or of `use`.
 */
export async function forEachValue<T>(
  values: Observable<T>,
  use: (value: T) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  await lastValueFrom(
    values.pipe(
      concatMap((value) => use(value)),
      takeUntil(fromEvent(signal, 'abort')),
      catchError((error: unknown) => (signal.aborted ? EMPTY : throwError(() => error))),
    ),
    { defaultValue: undefined },
  );
}
