import { TaskSample } from '@berth/shared/gen/berth/v1/store';
import { describe, expect, it } from 'vitest';
import { maxValuesPerBatch, sampleBatches } from './sample-batches.js';

const sample = (taskId: string, count: number) =>
  TaskSample.fromPartial({
    taskId,
    values: Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, index])),
  });
const idsOf = (samples: readonly TaskSample[]) =>
  sampleBatches('a', samples).map((batch) => batch.samples.map(({ taskId }) => taskId));

describe('batches of samples', () => {
  it('hold all samples of an agent in one if they are few', () => {
    expect(idsOf([sample('x', 3), sample('y', 5)])).toEqual([['x', 'y']]);
    expect(sampleBatches('a', [sample('x', 3)])[0]?.agentId).toBe('a');
  });

  it('are none for no samples', () => {
    expect(idsOf([])).toEqual([]);
  });

  it('begin again before one grows too long', () => {
    const half = maxValuesPerBatch / 2;
    expect(idsOf([sample('x', half), sample('y', half), sample('z', 1)])).toEqual([['x', 'y'], ['z']]);
    expect(idsOf([sample('x', half), sample('y', half + 1)])).toEqual([['x'], ['y']]);
  });
});
