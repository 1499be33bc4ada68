import { SampleBatch, type TaskSample } from '@berth/shared/gen/berth/v1/store';

/** Values of a batch: some 80 kB. More at once would hold up what else the connection carries. */
export const maxValuesPerBatch = 2_000;

/** The samples in order, in batches of a bounded size; a sample is never split. */
export function sampleBatches(agentId: string, samples: readonly TaskSample[]): readonly SampleBatch[] {
  const batches: TaskSample[][] = [];
  let room = 0;
  for (const sample of samples) {
    const size = Object.keys(sample.values).length;
    if (size > room || batches.length === 0) {
      batches.push([]);
      room = maxValuesPerBatch;
    }
    batches.at(-1)?.push(sample);
    room -= size;
  }
  return batches.map((ofBatch) => SampleBatch.fromPartial({ agentId, samples: ofBatch }));
}
