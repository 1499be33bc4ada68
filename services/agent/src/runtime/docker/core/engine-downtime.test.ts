import { describe, expect, it } from 'vitest';
import type { ContainerStatus } from '../../../core/container.js';
import {
  type Downtime,
  endedDuringDowntime,
  endedWithEngine,
  hostStartIn,
  mayBeEndedByEngine,
  updateDowntimes,
} from './engine-downtime.js';

const ended = (changes: Partial<ContainerStatus> = {}): ContainerStatus => ({
  taskId: 't',
  state: 'exited',
  exitCode: 143,
  oomKilled: false,
  startedAtMs: 10_000,
  finishedAtMs: 101_000,
  ...changes,
});

describe('the downtimes of an engine', () => {
  it('begin when it is lost and end when it is back, also after repeated events', () => {
    const given = [
      ['back', 1],
      ['lost', 100],
      ['lost', 105],
      ['back', 110],
      ['back', 120],
      ['lost', 200],
    ] as const;
    const downtimes = given.reduce<readonly Downtime[]>(
      (all, [is, nowMs]) => updateDowntimes(all, is, nowMs),
      [],
    );
    expect(downtimes).toEqual([{ fromMs: 100, toMs: 110 }, { fromMs: 200 }]);
  });

  it('are dropped when many have followed', () => {
    let downtimes: readonly Downtime[] = [];
    for (let at = 0; at < 200; at += 2)
      downtimes = updateDowntimes(updateDowntimes(downtimes, 'lost', at), 'back', at + 1);
    expect(downtimes).toHaveLength(20);
    expect(downtimes.at(-1)).toEqual({ fromMs: 198, toMs: 199 });
  });
});

describe('the end of a container', () => {
  it.each([143, 137, 255, 139, 1, 0])('with exit code %i may be its engine’s doing', (exitCode) => {
    expect(mayBeEndedByEngine(ended({ exitCode }))).toBe(true);
  });

  it('is not the engine’s act if it runs, lacked memory, or never started', () => {
    expect(mayBeEndedByEngine({ taskId: 't', state: 'running' })).toBe(false);
    expect(mayBeEndedByEngine(ended({ exitCode: 137, oomKilled: true }))).toBe(false);
    expect(mayBeEndedByEngine(ended({ exitCode: 255, startError: 'no such file' }))).toBe(false);
  });

  const absence: Downtime = { fromMs: 100_000, toMs: 110_000 };
  it.each<[string, Partial<ContainerStatus>, Downtime, boolean]>([
    ['while the engine was away', {}, absence, true],
    ['while the engine shut down', { finishedAtMs: 85_000 }, absence, true],
    ['as the engine came back', { finishedAtMs: 112_000 }, absence, true],
    ['while the engine is away still', { finishedAtMs: 500_000 }, { fromMs: 100_000 }, true],
    ['long before', { finishedAtMs: 70_000 }, absence, false],
    ['after it was back', { finishedAtMs: 120_000 }, absence, false],
    ['after a start that was later', { startedAtMs: 100_500, finishedAtMs: 112_000 }, absence, false],
  ])('%s is given from others', (_, changes, at, isInAbsence) => {
    expect(endedDuringDowntime(ended(changes), [at])).toBe(isInAbsence);
  });
});

describe('an end with any exit code', () => {
  const times = { engineStartMs: 110_000, hostStartMs: 1_000, outlivesEngine: false };
  const downtime: Downtime = { fromMs: 100_000, toMs: 110_500 };
  const clean = (changes: Partial<ContainerStatus> = {}) => ended({ exitCode: 0, ...changes });

  it('is the engine’s act if it came with a restart that the agent has seen', () => {
    expect(endedWithEngine(clean(), [downtime], times)).toBe(true);
    expect(endedWithEngine(clean({ finishedAtMs: 70_000 }), [downtime], times)).toBe(false);
  });

  it('is the engine’s act if it came before a start that the agent has not seen', () => {
    expect(endedWithEngine(clean(), [], times)).toBe(true);
    expect(endedWithEngine(clean({ finishedAtMs: 120_000 }), [], times)).toBe(false);
    expect(endedWithEngine(clean({ startedAtMs: 111_000, finishedAtMs: 112_000 }), [], times)).toBe(false);
  });

  it('is its own if only the connection was lost', () => {
    const steady = { ...times, engineStartMs: 5_000 };
    expect(endedWithEngine(clean(), [downtime], steady)).toBe(false);
    expect(endedWithEngine(clean(), [downtime], { ...times, engineStartMs: undefined })).toBe(false);
  });

  it('is its own if containers outlive their engine', () => {
    expect(endedWithEngine(clean(), [downtime], { ...times, outlivesEngine: true })).toBe(false);
  });

  it('is the host’s act if the host has started since', () => {
    const rebooted = { engineStartMs: undefined, hostStartMs: 105_000, outlivesEngine: true };
    expect(endedWithEngine(clean(), [], rebooted)).toBe(true);
    expect(endedWithEngine(clean({ startedAtMs: 105_500, finishedAtMs: 106_000 }), [], rebooted)).toBe(false);
  });
});

describe('the start of the host', () => {
  it('is in the kernel’s statistics', () => {
    expect(hostStartIn('cpu 1 2\nbtime 1700000000\nprocesses 5\n')).toBe(1_700_000_000_000);
    expect(hostStartIn('')).toBeUndefined();
  });
});
