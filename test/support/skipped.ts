/** Says which tests are left out, and why. Benchmarks use what tests use, and leave nothing out. */
export function tellSkipped(what: string, why: string | false): void {
  if (why !== false && process.env.VITEST !== undefined)
    console.warn(`Skipping tests that need ${what}: ${why}.`);
}
