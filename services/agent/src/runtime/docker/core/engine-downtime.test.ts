import { describe, expect, it } from 'vitest';
import type { ContainerStatus } from '../../../core/container.js';
import {
  type Downtime,
  endedDuringDowntime,
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
  it.each([
    [143, true],
    [137, true],
    [255, true],
    [139, false],
    [1, false],
    [0, false],
  ])('with exit code %i may be its engine’s doing: %s', (exitCode, maybe) => {
    expect(mayBeEndedByEngine(ended({ exitCode }))).toBe(maybe);
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
