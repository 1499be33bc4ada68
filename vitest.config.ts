import { defineConfig } from 'vitest/config';

const exclude = ['**/dist/**', '**/node_modules/**'];

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
          // They share no state but that of modules, which have none: each is loaded once, and not once for each file.
          isolate: false,
          // Only what hangs is to be cut off: a machine that has much else to do takes ten times as long for the same.
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
          // They have servers of their own and wait for much: no test may depend on how fast the machine is.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
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
          // They share one Docker engine and start whole cells: one after the other, and after all others.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
