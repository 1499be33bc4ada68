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
          testTimeout: 10_000,
          hookTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/{contract,integration,conformance}/**/*.test.ts'],
          exclude,
          // One file after the other: they have servers of their own, and hold some to time limits.
          maxWorkers: 1,
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
