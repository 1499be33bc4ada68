import { describe, expect, it } from 'vitest';
import { second, t0 } from '../../testing/fixtures.js';
import { jobIdOfRun } from './run-id.js';

describe('the id of a run’s job', () => {
  it('is a UUID of version 7 that holds the time of the run', () => {
    const id = jobIdOfRun('c-1', t0);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(t0);
  });

  it('is the same for one run of one cluster, and another for any other', () => {
    const ids = new Set<string>();
    for (let cluster = 0; cluster < 100; cluster += 1)
      for (let run = 0; run < 100; run += 1) ids.add(jobIdOfRun(`c-${cluster}`, t0 + run * second));
    expect(ids.size).toBe(10_000);
    expect(jobIdOfRun('c-1', t0)).toBe(jobIdOfRun('c-1', t0));
  });
});
