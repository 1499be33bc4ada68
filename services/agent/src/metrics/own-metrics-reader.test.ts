import { type Clock, systemClock } from '@berth/shared/process/clock';
import { silentLogger } from '@berth/shared/process/logger';
import { systemRandom } from '@berth/shared/process/random';
import { beforeEach, describe, expect, it } from 'vitest';
import { RuntimeError } from '../runtime/contract/container-runtime.js';
import { OwnMetricsReader } from './own-metrics-reader.js';

const page = { taskId: 't', endpoint: { port: 9100, path: '/metrics' } };

describe('the reader of tasks’ own metrics', () => {
  let nowMs: number;
  let setBackMs: number;
  let asked: number;
  /** The task's answer. Undefined: none. */
  let answer: string | undefined;
  let reader: OwnMetricsReader;

  beforeEach(() => {
    nowMs = 0;
    setBackMs = 0;
    asked = 0;
    answer = undefined;
    const clock: Clock = { ...systemClock, nowMs: () => nowMs - setBackMs, elapsedMs: () => nowMs };
    const readMetrics = async () => {
      asked += 1;
      if (answer === undefined) throw new RuntimeError('failed', 'connection refused');
      return answer;
    };
    reader = new OwnMetricsReader({
      runtime: { readMetrics },
      clock,
      random: systemRandom,
      log: silentLogger,
      onPage: () => undefined,
    });
  });

  const readAt = async (atMs: number) => {
    nowMs = atMs;
    return (await reader.read([page])).get('t');
  };

  it('keeps its pace and its rates when the clock is put back', async () => {
    expect(await readAt(0)).toBeUndefined();
    setBackMs = 3_600_000;
    answer = '# TYPE hits counter\nhits 1\n';
    expect(await readAt(2_000)).toEqual({});
    setBackMs = -3_600_000;
    answer = '# TYPE hits counter\nhits 11\n';
    expect(await readAt(4_000)).toEqual({ hits: 5 });
  });

  it('asks a task without an answer less and less often, but at least every 20 s', async () => {
    for (let atMs = 0; atMs < 60_000; atMs += 100) expect(await readAt(atMs)).toBeUndefined();
    // The pauses are 1, 2, 4, 8, 16 and 20 s, less up to a third.
    expect(asked).toBeGreaterThanOrEqual(6);
    expect(asked).toBeLessThanOrEqual(9);
    answer = 'a 1\n';
    expect(await readAt(80_000)).toEqual({ a: 1 });
    expect(await readAt(80_001)).toEqual({ a: 1 });
  });

  it('returns nothing old while a task does not answer', async () => {
    answer = 'a 1\n';
    expect(await readAt(0)).toEqual({ a: 1 });
    answer = undefined;
    expect(await readAt(5_000)).toBeUndefined();
    expect(await readAt(5_001)).toBeUndefined();
  });

  it('divides the growth of a counter by the time without an answer', async () => {
    answer = '# TYPE c counter\nc 10\n';
    expect(await readAt(0)).toEqual({});
    answer = undefined;
    await readAt(5_000);
    answer = '# TYPE c counter\nc 30\n';
    expect(await readAt(10_000)).toEqual({ c: 2 });
  });

  it('forgets a task that is not in the list any more', async () => {
    answer = '# TYPE c counter\nc 10\n';
    await readAt(0);
    await reader.read([]);
    answer = '# TYPE c counter\nc 30\n';
    expect(await readAt(10_000)).toEqual({});
  });
});
