import { ClusterRecord, JobRecord } from '@berth/shared/gen/berth/v1/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntity, encodeRecord, fieldOf, parseField } from './codec.js';

describe('a field', () => {
  it('is parsed into its kind and id, also with slashes in the id', () => {
    fc.assert(
      fc.property(fc.constantFrom('cluster', 'jobStatus', 'agentStatus'), fc.string(), (kind, id) => {
        expect(parseField(fieldOf(kind, id))).toEqual({ kind, id });
      }),
    );
  });

  it('of an unknown kind is not parsed', () => {
    for (const field of ['later/id', 'task', '/id', 'toString/id']) expect(parseField(field)).toBeUndefined();
  });
});

describe('a record', () => {
  it('comes back from its bytes', () => {
    const record = JobRecord.fromPartial({
      id: 'j',
      clusterId: 'c',
      createdAtMs: 5,
      kill: { atMs: 6, by: 'me' },
    });
    const bytes = encodeRecord('job', record);
    expect(decodeEntity({ field: 'job/j', revision: 7, bytes })).toEqual({
      kind: 'job',
      id: 'j',
      revision: 7,
      record,
      bytes,
    });
  });

  it('that is incomplete is refused and does not harm the next one', () => {
    const incomplete = { id: 'a', descriptor: undefined, enabled: true } as ClusterRecord;
    expect(() => encodeRecord('cluster', incomplete)).toThrow(
      expect.objectContaining({ code: 'invalidArgument' }),
    );
    const record = ClusterRecord.fromPartial({ id: 'b' });
    expect([...encodeRecord('cluster', record)]).toEqual([...ClusterRecord.encode(record).finish()]);
  });

  it('without any field is refused, because empty bytes are a removal', () => {
    const empty = ClusterRecord.fromPartial({});
    expect(() => encodeRecord('cluster', empty)).toThrow(
      expect.objectContaining({ code: 'invalidArgument' }),
    );
  });

  it('of an unknown kind is no entity, and one that cannot be decoded is an error', () => {
    const bytes = Uint8Array.of(0x0a, 0x7f);
    expect(decodeEntity({ field: 'later/id', revision: 1, bytes })).toBeUndefined();
    expect(() => decodeEntity({ field: 'task/id', revision: 1, bytes })).toThrow('task/id of revision 1');
  });
});
