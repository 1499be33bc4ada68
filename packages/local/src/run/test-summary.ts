import { z } from 'zod';

/** The part that we read of what vitest's JSON reporter writes. */
const vitestResults = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) }),
  ),
});

/**
 * The line `N passed, N failed` (`, N skipped` follows where there are any) for what vitest's JSON reporter wrote. A test
 * file that fails as a whole, with no failing test in it, counts as one failure. Throws where the text is not such a report.
 */
export function summaryLine(json: string): string {
  const results = vitestResults.parse(JSON.parse(json));
  const brokenFiles = results.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const skipped = results.numPendingTests + results.numTodoTests;
  const counts = `${results.numPassedTests} passed, ${results.numFailedTests + brokenFiles.length} failed`;
  return skipped === 0 ? counts : `${counts}, ${skipped} skipped`;
}
