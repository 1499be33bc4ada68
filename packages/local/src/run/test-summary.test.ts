import { describe, expect, it } from 'vitest';
import { benchmarkNames } from './bench-command.js';
import { summaryLine } from './test-summary.js';

function report(
  counts: Partial<Record<'Passed' | 'Failed' | 'Pending' | 'Todo', number>>,
  testResults: unknown[] = [],
) {
  const { Passed = 0, Failed = 0, Pending = 0, Todo = 0 } = counts;
  const numbers = {
    numPassedTests: Passed,
    numFailedTests: Failed,
    numPendingTests: Pending,
    numTodoTests: Todo,
  };
  return JSON.stringify({ ...numbers, testResults });
}

describe('summaryLine', () => {
  it('counts passed and failed tests', () => {
    expect(summaryLine(report({ Passed: 12 }))).toBe('12 passed, 0 failed');
    expect(summaryLine(report({ Passed: 11, Failed: 1 }))).toBe('11 passed, 1 failed');
  });

  it('counts skipped tests and planned ones', () => {
    expect(summaryLine(report({ Passed: 3, Pending: 2, Todo: 1 }))).toBe('3 passed, 0 failed, 3 skipped');
  });

  it('counts a test file that cannot be loaded as a failure', () => {
    const broken = { status: 'failed', assertionResults: [] };
    const failing = { status: 'failed', assertionResults: [{ status: 'failed' }] };
    expect(summaryLine(report({ Passed: 5, Failed: 1 }, [broken, failing]))).toBe('5 passed, 2 failed');
  });

  it('names tests that passed at the second attempt only', () => {
    const steady = { status: 'passed', fullName: 'a b', failureMessages: [] };
    const unsteady = { status: 'passed', fullName: 'a c', failureMessages: ['was 1'] };
    const json = report({ Passed: 2 }, [{ status: 'passed', assertionResults: [steady, unsteady] }]);
    expect(summaryLine(json)).toBe('unsteady, passed at the second attempt: a c\n2 passed, 0 failed');
  });

  it('refuses other texts, instead of counting nothing', () => {
    expect(() => summaryLine('{}')).toThrow();
    expect(() => summaryLine('')).toThrow();
  });
});

describe('benchmarkNames', () => {
  it('are those of the benchmark files, in order', () => {
    expect(benchmarkNames(['watch.bench.ts', 'table.ts', 'launch.bench.ts'])).toEqual(['launch', 'watch']);
  });
});
