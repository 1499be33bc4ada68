import { describe, expect, it } from 'vitest';
import { ClusterRecord, TaskRecord } from '../../gen/berth/v1/store.js';
import { byKindAndCreation } from './creation-order.js';
import type { AnyEntity } from './entity.js';

const bytes = new Uint8Array(0);

function task(id: string, slot: number, createdAtMs: number): AnyEntity {
  const record = TaskRecord.fromPartial({ jobId: 'j', slot, createdAtMs });
  return { kind: 'task', id, revision: 1, record, bytes };
}

function cluster(id: string, createdAtMs: number): AnyEntity {
  return { kind: 'cluster', id, revision: 1, record: ClusterRecord.fromPartial({ id, createdAtMs }), bytes };
}

describe('the order of creation', () => {
  it('goes by time, then by the slots of tasks, then by ids', () => {
    const shuffled = [
      task('j.10-0', 10, 5),
      cluster('b', 1),
      task('j.2-0', 2, 5),
      task('j.3-1', 3, 9),
      cluster('a', 1),
    ];
    expect(shuffled.toSorted(byKindAndCreation).map(({ id }) => id)).toEqual([
      'a',
      'b',
      'j.2-0',
      'j.10-0',
      'j.3-1',
    ]);
  });
});
