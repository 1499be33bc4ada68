import { describe, expect, it } from 'vitest';
import { readMetricsPage, type Series } from './prometheus-text.js';

const one = (name: string, value: number, labels: Record<string, string> = {}): Series => ({
  name,
  labels,
  value,
});

describe('a page of metrics', () => {
  it('has types, series and comments', () => {
    const page = readMetricsPage(`# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# a comment of no kind
# TYPE queue_length gauge
queue_length 12.5
`);
    expect(page.series).toEqual([
      one('http_requests_total', 1027, { method: 'post', code: '200' }),
      one('http_requests_total', 3, { method: 'post', code: '400' }),
      one('queue_length', 12.5),
    ]);
    expect([...page.types]).toEqual([
      ['http_requests_total', 'counter'],
      ['queue_length', 'gauge'],
    ]);
    expect(page.unreadable).toBe(0);
  });

  it.each<[string, Series]>([
    ['a NaN', one('a', Number.NaN)],
    ['a +Inf', one('a', Number.POSITIVE_INFINITY)],
    ['a -Inf', one('a', Number.NEGATIVE_INFINITY)],
    ['a 1.458255915e9', one('a', 1_458_255_915)],
    ['a -3.5E-2', one('a', -0.035)],
    ['a .5', one('a', 0.5)],
    ['a 1 -3982045', one('a', 1)],
    ['a:b_c{} 1', one('a:b_c', 1)],
    ['a { x = "1" , y="2", } 1', one('a', 1, { x: '1', y: '2' })],
    [
      'a{x="C:\\\\DIR\\\\F.TXT",y="say \\"hi\\"\\n"} 1',
      one('a', 1, { x: 'C:\\DIR\\F.TXT', y: 'say "hi"\n' }),
    ],
    ['a{x="}, y=\\"# "} 1', one('a', 1, { x: '}, y="# ' })],
    ['a_bucket{le="0.1"} 8 # {trace="x"} 0.06', one('a_bucket', 8, { le: '0.1' })],
    ['\ta\t1\t\r', one('a', 1)],
  ])('can say %j', (line, series) => {
    expect(readMetricsPage(line)).toMatchObject({ series: [series], unreadable: 0 });
  });

  it.each([
    'a',
    'a one',
    'a 1 2 3',
    'a 1 soon',
    'a{x="1" 1',
    'a{x=1} 1',
    'a{x="1"y="2"} 1',
    'a{x="1} 1',
    '1a 1',
    '<html>',
    'a 0x10',
    'a constructor',
  ])('is passed over where it says %j', (line) => {
    expect(readMetricsPage(`${line}\nb 1\n`)).toMatchObject({ series: [one('b', 1)], unreadable: 1 });
  });
});
