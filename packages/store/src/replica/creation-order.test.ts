import { ClusterRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { AnyEntity } from '@berth/shared/model/cell/entity';
import { describe, expect, it } from 'vitest';
import { byCreation } from './creation-order.js';

const bytes = new Uint8Array(0);

function task(id: string, slot: number, createdAtMs: number): AnyEntity {
  const record = TaskRecord.fromPartial({ jobId: 'j', slot, createdAtMs });
  return { kind: 'task', id, revision: 1, record, bytes };
}

function cluster(id: string, createdAtMs: number): AnyEntity {
  return { kind: 'cluster', id, revision: 1, record: ClusterRecord.fromPartial({ id, createdAtMs }), bytes };
}

describe('the order of creation', () => {
  it('is that of time, then of the slots of tasks, then of ids', () => {
    const shuffled = [
      task('j.10-0', 10, 5),
      cluster('b', 1),
      task('j.2-0', 2, 5),
      task('j.3-1', 3, 9),
      cluster('a', 1),
    ];
    expect(shuffled.toSorted(byCreation).map(({ id }) => id)).toEqual(['a', 'b', 'j.2-0', 'j.10-0', 'j.3-1']);
  });
});
