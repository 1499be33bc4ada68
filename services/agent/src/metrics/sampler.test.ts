import type { SampleBatch, TaskSample } from '@berth/shared/gen/berth/v1/store';
import type { Clock } from '@berth/shared/process/clock';
import { silentLogger } from '@berth/shared/process/logger';
import { systemRandom } from '@berth/shared/process/random';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMetricsPage } from '../core/prometheus-text.js';
import { AgentTestCell } from '../testing/cell.js';
import { waitFor } from '../testing/wait-for.js';
import { Sampler } from './sampler.js';

describe('a sampler', () => {
  it('keeps its interval when the clock is put back', async () => {
    let nowMs = 10 * 3_600_000;
    const sleptMs: number[] = [];
    const waits: (() => void)[] = [];
    const clock: Clock = {
      nowMs: () => nowMs,
      sleep: (ms, signal) => {
        sleptMs.push(ms);
        return new Promise((resolve) => {
          waits.push(resolve);
          signal?.addEventListener('abort', () => resolve(), { once: true });
        });
      },
    };
    const metrics = { onRound: () => {}, onSamples: () => {}, onUnseen: () => {}, onPage: () => {} };
    const outbox = { publishSamples: () => Promise.resolve() };
    const sampler = new Sampler({
      agents: [],
      outbox,
      clock,
      random: systemRandom,
      log: silentLogger,
      intervalMs: 5_000,
      metrics,
    });
    nowMs -= 3_600_000;
    waits[0]?.();
    await waitFor(() => sleptMs.length === 2, 'it waits for its next round');
    expect(sleptMs[1]).toBeLessThanOrEqual(5_000);
    await sampler.close();
  });
});

describe('an agent that samples', () => {
  let cell: AgentTestCell;
  let heard: SampleBatch[];

  beforeEach(() => {
    cell = new AgentTestCell();
    heard = [];
    cell.store.openSampleFeed().batches$.subscribe((batch) => heard.push(batch));
  });
  afterEach(() => cell.close());

  const samplesOf = (taskId: string): readonly TaskSample[] =>
    heard.flatMap(({ samples }) => samples).filter((sample) => sample.taskId === taskId);
  const next = (taskId: string, what: string, isIt: (values: Record<string, number>) => boolean) => {
    const from = samplesOf(taskId).length;
    return waitFor(
      () =>
        samplesOf(taskId)
          .slice(from)
          .find(({ values }) => isIt(values)),
      `${taskId}: ${what}`,
    );
  };
  async function figure(port: number, name: string, outcome = ''): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const { series } = readMetricsPage(text);
    const found = series.find((each) => each.name === name && (each.labels.outcome ?? '') === outcome);
    return found?.value ?? 0;
  }

  it('publishes a task’s use of its request', async () => {
    await cell.startAgent();
    // The tasks of these tests ask for a tenth of a core and 64 MB.
    const env = { BERTH_SIM_CPU_MILLIS: '50', BERTH_SIM_MEMORY_MB: '16', BERTH_SIM_NETWORK_OUT_MBPS: '8' };
    await cell.assign('j.0-0', env, { sampled: true, network: 'bridge' });
    const { values } = await next('j.0-0', 'CPU', ({ CPUUtilization }) => CPUUtilization !== undefined);
    expect(values.CPUUtilization).toBeCloseTo(50);
    expect(values.MemoryUtilization).toBe(25);
    expect(values.NetworkIn).toBe(0);
    expect(values.NetworkOut).toBeCloseTo(8);
    expect(heard[0]?.agentId).toBe('a');
  });

  it('publishes nothing of tasks that nobody measures, nor of ended ones', async () => {
    await cell.startAgent();
    await cell.assign('quiet.0-0');
    await cell.assign('short.0-0', { BERTH_SIM_RUN_MS: '1' }, { sampled: true });
    await cell.endOf('short.0-0');
    const before = samplesOf('short.0-0').length;
    await cell.assign('j.0-0', {}, { sampled: true });
    await next('j.0-0', 'a sample', () => true);
    await next('j.0-0', 'another', () => true);
    expect(samplesOf('quiet.0-0')).toEqual([]);
    expect(samplesOf('short.0-0').length).toBe(before);
  });

  it('begins and ends when the assignment of a running task changes', async () => {
    const { httpPort } = await cell.startAgent();
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    await cell.assign('j.0-0', {}, { sampled: true });
    await next('j.0-0', 'a sample', () => true);
    expect(await figure(httpPort, 'berth_agent_sampled_tasks')).toBe(1);
    await cell.assign('j.0-0');
    await waitFor(
      async () => (await figure(httpPort, 'berth_agent_sampled_tasks')) === 0,
      'sampling has ended',
    );
    expect(await cell.containersOf()).toEqual(['j.0-0 running']);
  });

  it('follows a load that changes', async () => {
    await cell.startAgent();
    await cell.assign('j.0-0', { BERTH_SIM_CPU_MILLIS: '10' }, { sampled: true });
    await next('j.0-0', 'little', ({ CPUUtilization = 0 }) => CPUUtilization > 9 && CPUUtilization < 11);
    cell.engine.setLoad('j.0-0', { cpuMillis: 90 });
    await next('j.0-0', 'much', ({ CPUUtilization = 0 }) => CPUUtilization > 89 && CPUUtilization < 91);
  });

  it('adds the task’s own metrics, which cannot replace measured ones', async () => {
    const { httpPort } = await cell.startAgent();
    const page = 'queue_length{lane="a"} 3\nqueue_length{lane="b"} 4\nMemoryUtilization 99\nbad line\n';
    const parameters = { 'berth.metrics.port': '9100' };
    await cell.assign('j.0-0', { BERTH_SIM_METRICS: page }, { sampled: true, parameters });
    const { values } = await next('j.0-0', 'its own', ({ queue_length }) => queue_length !== undefined);
    expect(values).toMatchObject({ queue_length: 7, MemoryUtilization: 100 / 64 });
    expect(await figure(httpPort, 'berth_agent_metric_pages_total', 'read')).toBeGreaterThan(0);
  });

  it('publishes the rest if a task does not publish its own metrics', async () => {
    const { httpPort } = await cell.startAgent();
    const parameters = { 'berth.metrics.port': '9100' };
    await cell.assign('j.0-0', {}, { sampled: true, parameters });
    await next('j.0-0', 'CPU', ({ CPUUtilization }) => CPUUtilization === 0);
    expect(await figure(httpPort, 'berth_agent_metric_pages_total', 'failed')).toBeGreaterThan(0);
  });

  it('drops and counts samples that the store does not take, and goes on later', async () => {
    const { httpPort } = await cell.startAgent();
    await cell.assign('j.0-0', {}, { sampled: true });
    await next('j.0-0', 'a sample', () => true);
    cell.isRedisAway = true;
    const dropped = () => figure(httpPort, 'berth_agent_samples_total', 'dropped');
    await waitFor(async () => (await dropped()) > 1, 'samples are dropped');
    cell.isRedisAway = false;
    await next('j.0-0', 'a sample', () => true);
  });

  it('counts tasks without figures from the engine', async () => {
    const { httpPort } = await cell.startAgent();
    await cell.assign('j.0-0', {}, { sampled: true });
    await next('j.0-0', 'a sample', () => true);
    cell.engine.goDown();
    const unseen = () => figure(httpPort, 'berth_agent_samples_total', 'unseen');
    await waitFor(async () => (await unseen()) > 1, 'tasks are unseen');
    cell.engine.comeBack();
    await next('j.0-0', 'a sample', () => true);
  });

  it('samples several agents in one process', async () => {
    await cell.startFleet(3);
    for (const agentId of ['a-1', 'a-3']) await cell.assign(`${agentId}.0-0`, {}, { agentId, sampled: true });
    await waitFor(() => new Set(heard.map(({ agentId }) => agentId)).size === 2, 'both agents tell');
    expect(new Set(heard.map(({ agentId }) => agentId))).toEqual(new Set(['a-1', 'a-3']));
  });
});
