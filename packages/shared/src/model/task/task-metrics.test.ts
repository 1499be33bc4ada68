import { describe, expect, it } from 'vitest';
import { parameterProblems } from '../job/container-network.js';
import { metricsEndpoint } from './task-metrics.js';

const container = (parameters: Record<string, string>) => ({ parameters, resources: {} });

describe('the endpoint of a task’s own metrics', () => {
  it.each([
    [{ 'berth.metrics.port': '9100' }, { port: 9100, path: '/metrics' }],
    [
      { 'berth.metrics.port': '80', 'berth.metrics.path': '/actuator/prometheus?all=1' },
      { port: 80, path: '/actuator/prometheus?all=1' },
    ],
    [{}, undefined],
  ])('is read from the parameters %j', (parameters, endpoint) => {
    expect(metricsEndpoint(container(parameters as Record<string, string>))).toEqual(endpoint);
    expect(parameterProblems(container(parameters as Record<string, string>))).toEqual([]);
  });

  it.each<[Record<string, string>, readonly string[]]>([
    [{ 'berth.metrics.port': '0' }, ['berth.metrics.port']],
    [{ 'berth.metrics.port': '65536' }, ['berth.metrics.port']],
    [{ 'berth.metrics.port': 'http' }, ['berth.metrics.port']],
    [{ 'berth.metrics.port': '80', 'berth.metrics.path': 'metrics' }, ['berth.metrics.path']],
    [{ 'berth.metrics.port': '80', 'berth.metrics.path': '/a b\r\nHost: x' }, ['berth.metrics.path']],
    [{ 'berth.metrics.path': '/metrics' }, ['berth.metrics.path']],
    [{ 'berth.metrics.port': '80', network: 'none' }, ['network']],
  ])('is invalid with the parameters %j', (parameters, names) => {
    expect(parameterProblems(container(parameters)).map(({ name }) => name)).toEqual(names);
  });
});
