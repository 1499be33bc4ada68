import { describe, expect, it } from 'vitest';
import { maxOwnMetrics, ownMetrics, readPage } from './own-metrics.js';
import { readMetricsPage } from './prometheus-text.js';

const reading = (text: string, readAtMs = 0) => readPage(readMetricsPage(text), readAtMs);

const requests = (get: number, post: number) =>
  `# TYPE requests_total counter\nrequests_total{m="get"} ${get}\nrequests_total{m="post"} ${post}\n`;

describe('a task’s own metrics', () => {
  it('are the sums over the series of a name', () => {
    const text = 'queue_length{lane="a"} 3\nqueue_length{lane="b"} 4.5\nready 1\n';
    expect(ownMetrics(undefined, reading(text))).toEqual({ queue_length: 7.5, ready: 1 });
  });

  it('leave out values that are not finite, and the parts of distributions', () => {
    const text = 'a NaN\nb +Inf\nc{x="1"} NaN\nc{x="2"} 2\nlatency{quantile="0.9"} 3\nt_bucket{le="1"} 4\n';
    expect(ownMetrics(undefined, reading(text))).toEqual({ c: 2 });
  });

  it('give the growth of a counter in one second', () => {
    const now = reading(requests(150, 20), 15_000);
    expect(ownMetrics(reading(requests(100, 20), 5_000), now)).toEqual({ requests_total: 5 });
  });

  it.each([
    ['at the first look', undefined, reading(requests(1, 1), 5_000)],
    ['after it went back', reading(requests(100, 20), 0), reading(requests(0, 2), 5_000)],
    ['that was not there before', reading('', 0), reading(requests(1, 1), 5_000)],
    ['within no time', reading(requests(1, 1), 5_000), reading(requests(1, 1), 5_000)],
  ])('tell nothing of a counter %s', (_, before, now) => {
    expect(ownMetrics(before, now)).toEqual({});
  });

  it('count the events of a distribution as a counter', () => {
    const page = (count: number) => `# TYPE t histogram\nt_bucket{le="1"} 1\nt_sum 9\nt_count ${count}\n`;
    expect(ownMetrics(reading(page(10), 0), reading(page(30), 10_000))).toEqual({ t_sum: 0, t_count: 2 });
  });

  it('recognise a counter that is declared without its suffix', () => {
    const page = (count: number) => `# TYPE jobs counter\njobs_total ${count}\n`;
    expect(ownMetrics(reading(page(1), 0), reading(page(6), 5_000))).toEqual({ jobs_total: 1 });
  });

  it('can have any name', () => {
    const page = (count: number) => `# TYPE constructor counter\nconstructor ${count}\n__proto__ 3\n`;
    expect(ownMetrics(reading('a 1\n'), reading(page(5), 5_000))).toEqual(
      Object.fromEntries([['__proto__', 3]]),
    );
    expect(ownMetrics(reading(page(0)), reading(page(5), 5_000)).constructor).toBe(1);
  });

  it('are bounded in number', () => {
    const text = Array.from({ length: maxOwnMetrics + 3 }, (_, index) => `m${index} ${index}\nm0 1\n`).join(
      '',
    );
    const page = reading(text);
    expect(Object.keys(page.gauges)).toHaveLength(maxOwnMetrics);
    expect(page.gauges.m0).toBe(maxOwnMetrics + 3);
    expect(page.leftOut).toBe(3);
    expect(reading(`${'n'.repeat(201)} 1\n`).gauges).toEqual({});
  });
});
