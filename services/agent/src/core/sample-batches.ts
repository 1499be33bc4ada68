import { SampleBatch, type TaskSample } from '@berth/shared/gen/berth/v1/store';

/** The values of one batch: about 80 kB. A larger batch would delay other data on the connection. */
export const maxValuesPerBatch = 2_000;

/** Returns the samples in order, in batches of a bounded size. A sample is never split. */
export function sampleBatches(agentId: string, samples: readonly TaskSample[]): readonly SampleBatch[] {
  const batches: TaskSample[][] = [];
  let left = 0;
  for (const sample of samples) {
    const size = Object.keys(sample.values).length;
    if (size > left || batches.length === 0) {
      batches.push([]);
      left = maxValuesPerBatch;
    }
    batches.at(-1)?.push(sample);
    left -= size;
  }
  return batches.map((ofBatch) => SampleBatch.fromPartial({ agentId, samples: ofBatch }));
}
