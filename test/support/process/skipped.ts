/** Prints the skipped tests and the reason. Benchmarks use the same support, and skip nothing. */
export function reportSkipped(what: string, why: string | false): void {
  if (why !== false && process.env.VITEST !== undefined)
    console.warn(`Skipping tests that need ${what}: ${why}.`);
}
