/*
 * Problem: V8 counts the bytes of buffers against the limit of the heap, but sets that limit by its objects
 * alone: down to 8 MB. Most garbage of a gateway is buffers, some 12 MB between two collections of the
 * young generation.
 * Figure: V8 collected everything some eight times a second, 25 ms each, as long as its choice of the limit
 * stood.
 * Benchmark: `npm run bench -- observe --only fanout` (p99 of the delay).
 * Off: `BERTH_API_TUNING=off` leaves the choice to V8, as does the option --heap-growing-percent of the
 * process.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * The heap may grow by this share of its live bytes before everything is collected. V8 chooses between 10
 * and 300.
 */
const growthPercent = 200;
const flag = 'heap-growing-percent';

/**
 * Lets the heap of this process grow, unless its own options set the growth. Call it once, at the start.
 * Returns true if it did.
 */
export function letHeapGrow({ execArgv }: { readonly execArgv: readonly string[] }): boolean {
  // NODE_OPTIONS does not take this option.
  const isChosen = execArgv.some((option) => option.replaceAll('_', '-').startsWith(`--${flag}`));
  if (!isChosen) setFlagsFromString(`--${flag}=${growthPercent}`);
  return !isChosen;
}
