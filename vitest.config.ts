import { defineConfig } from 'vitest/config';

const exclude = ['**/dist/**', '**/node_modules/**'];

/**
 * Tests against real servers may fail once for a reason of the machine. Continuous integration tries such a
 * test a second time, and the summary counts it as unsteady. At a desk the first failure counts.
 */
const attemptsAgain = process.env.CI ? 1 : 0;

export default defineConfig({
  // Workspace packages are taken from their TypeScript sources: tests need no build and never see an old one.
  ssr: { resolve: { conditions: ['berth:source'] } },
  test: {
    teardownTimeout: 10_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts'],
          exclude,
          // Vitest leaves one processor free; on two that would be half of the machine.
          maxWorkers: 2,
          // Tests share only modules, and modules have no state. So each module is loaded once, not once
          // per file.
          isolate: false,
          // The limit is for tests that hang: a busy machine takes ten times as long for the same test.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/{contract,integration,conformance}/**/*.test.ts'],
          exclude,
          // These tests start servers and wait for them: no test may depend on the speed of the machine.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          retry: attemptsAgain,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude,
          // These tests share one Docker engine and start complete cells: they run one by one, after all
          // others.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          retry: attemptsAgain,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
