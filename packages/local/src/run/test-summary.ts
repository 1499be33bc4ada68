import { z } from 'zod';

/** The part of the output of vitest's JSON reporter that we read. */
const vitestResults = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      status: z.string(),
      assertionResults: z.array(
        z.object({
          status: z.string(),
          fullName: z.string().default(''),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

/**
 * Returns the line `N passed, N failed` for the output of vitest's JSON reporter; `, N skipped` follows if
 * there are any. A test file that fails as a whole, without a failing test in it, counts as one failure.
 * Tests that passed at their second attempt only are named on lines of their own.
 * Throws if the text is not such a report.
 */
export function summaryLine(json: string): string {
  const results = vitestResults.parse(JSON.parse(json));
  const brokenFiles = results.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const skipped = results.numPendingTests + results.numTodoTests;
  const counts = `${results.numPassedTests} passed, ${results.numFailedTests + brokenFiles.length} failed`;
  const unsteady = results.testResults
    .flatMap((file) => file.assertionResults)
    .filter((test) => test.status === 'passed' && (test.failureMessages?.length ?? 0) > 0)
    .map((test) => `unsteady, passed at the second attempt: ${test.fullName}`);
  return [...unsteady, skipped === 0 ? counts : `${counts}, ${skipped} skipped`].join('\n');
}
