import { Assignment } from '@berth/shared/gen/berth/v1/store';
import { describe, expect, it } from 'vitest';
import { AssignmentDecoder, encodeAssignment } from './assignment-encoding.js';

const container = Assignment.fromPartial({
  container: { image: { name: 'app:1' }, env: { A: '1' } },
}).container;

function assignment(taskId: string, changes: Partial<Assignment> = {}): Assignment {
  return {
    ...Assignment.fromPartial({
      taskId,
      jobId: 'j',
      resources: { cpuMillis: 100 },
      taskContext: { 'task.index': '3' },
      stop: { code: 'killed', text: '', atMs: 1 },
      killGraceMs: 10_000,
      sampled: true,
    }),
    container,
    ...changes,
  };
}

describe('an assignment', () => {
  it('is the same after encoding and decoding, with all of its parts or without', () => {
    const decoder = new AssignmentDecoder();
    const bare = Assignment.fromPartial({ taskId: 't' });
    for (const given of [assignment('t1'), assignment('t2', { container: undefined }), bare]) {
      expect(decoder.decode(encodeAssignment(given))).toEqual(given);
      expect(Assignment.decode(encodeAssignment(given))).toEqual(given);
    }
  });

  it('is the same for processes with the tuning on and off', () => {
    const [tuned, plain] = [new AssignmentDecoder('on'), new AssignmentDecoder('off')];
    const given = assignment('t1');
    expect(plain.decode(encodeAssignment(given, 'on'))).toEqual(given);
    expect(tuned.decode(encodeAssignment(given, 'off'))).toEqual(given);
    expect(plain.decode(encodeAssignment(given, 'off'))).toEqual(given);
  });

  it('shares its container and its needs with others of its job after decoding', () => {
    const decoder = new AssignmentDecoder();
    const [first, second] = ['t1', 't2'].map((id) => decoder.decode(encodeAssignment(assignment(id))));
    expect(second?.container).toBe(first?.container);
    expect(second?.resources).toBe(first?.resources);
    const needs = { cpuMillis: 200 };
    const { resources } = Assignment.fromPartial({ resources: needs });
    const other = decoder.decode(encodeAssignment(assignment('t3', { resources })));
    expect(other.resources).toEqual(resources);
    const plain = assignment('t4');
    expect(decoder.decode(Assignment.encode(plain).finish())).toEqual(plain);
  });

  it('shares the parts of a bounded number of containers', () => {
    const decoder = new AssignmentDecoder();
    const of = (cpuMillis: number) =>
      assignment('t', Assignment.fromPartial({ taskId: 't', resources: { cpuMillis } }));
    const first = decoder.decode(encodeAssignment(of(1)));
    for (let cpu = 2; cpu < 70; cpu += 1) decoder.decode(encodeAssignment(of(cpu)));
    expect(decoder.decode(encodeAssignment(of(1))).resources).not.toBe(first.resources);
    expect(decoder.decode(encodeAssignment(of(69))).resources).toBe(
      decoder.decode(encodeAssignment(of(69))).resources,
    );
  });

  it('fails to decode if it ends in the middle', () => {
    const bytes = encodeAssignment(assignment('t'));
    expect(() => new AssignmentDecoder().decode(bytes.subarray(0, -1))).toThrow();
  });
});
