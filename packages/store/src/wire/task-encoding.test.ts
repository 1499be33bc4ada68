import { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { moveTask, State } from '@berth/shared/model/task/task-state';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord } from './codec.js';
import { encodeTask } from './task-encoding.js';

const text = fc.string({ unit: 'binary', maxLength: 200 });
const record = fc
  .record({
    id: text,
    taskContext: fc.dictionary(text, text, { maxKeys: 5, noNullPrototype: true }),
    state: fc.option(fc.record({ state: fc.constantFrom(0, 1, 2, 3), reason: text }), { nil: undefined }),
    stateChanges: fc.array(fc.record({ state: text, timestamp: text }), { maxLength: 4 }),
    rest: fc.record({
      jobId: text,
      agentId: text,
      slot: fc.nat(),
      results: fc.array(text, { maxLength: 2 }),
    }),
  })
  .map(({ rest, ...task }) => TaskRecord.fromPartial({ ...rest, task }));
const moves = fc.array(
  fc.record({
    to: fc.constantFrom(State.DISPATCHED, State.STARTING, State.RUNNING, State.FINISHED, State.FAILED),
    code: fc.constantFrom('', 'normal'),
    text,
    atMs: fc.integer({ min: 0, max: 2e12 }),
    context: fc.option(fc.dictionary(text, text, { maxKeys: 2 }), { nil: undefined }),
  }),
  { maxLength: 4 },
);

function entity(of: TaskRecord, bytes = encodeRecord('task', of)) {
  return { kind: 'task', id: 't', revision: 1, record: of, bytes } as const;
}

describe('encoding a task from its earlier version', () => {
  it('gives the same bytes as a full encoding', () => {
    fc.assert(
      fc.property(record, moves, (first, steps) => {
        fc.pre(TaskRecord.encode(first).finish().length > 0);
        let before = entity(first);
        for (const { context, ...step } of steps) {
          const after = moveTask(before.record, { ...step, ...(context && { context }) });
          if (after === undefined) continue;
          const bytes = encodeTask(after, before);
          expect(Buffer.from(bytes)).toEqual(Buffer.from(TaskRecord.encode(after).finish()));
          before = entity(after, bytes);
        }
      }),
    );
  });

  it('encodes other objects, and fields in another order, in full', () => {
    const first = TaskRecord.fromPartial({ task: { id: 'a', taskContext: { a: '1' } }, jobId: 'j' });
    const changed = { ...first, task: { ...TaskRecord.fromPartial(first).task, taskContext: { a: '2' } } };
    const other = TaskRecord.fromPartial(changed);
    expect(TaskRecord.decode(encodeTask(other, entity(first)))).toEqual(other);
    const bytes = encodeRecord('task', first);
    const backwards = Uint8Array.of(0x12, 1, 'j'.charCodeAt(0), ...bytes.subarray(0, bytes.length - 3));
    expect(TaskRecord.decode(backwards)).toEqual(first);
    expect(TaskRecord.decode(encodeTask(first, entity(first, backwards)))).toEqual(first);
  });
});
