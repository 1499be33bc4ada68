import { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { headOf } from '@berth/shared/model/cell/task-head';
import { State, taskState } from '@berth/shared/model/task/task-state';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntity, encodeRecord } from './codec.js';
import { readTaskHead, StoredTask } from './stored-task.js';

const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const count = fc.nat();
const time = fc.nat(2 ** 45);
const record = fc
  .record({
    task: fc.option(
      fc.record({
        id: text,
        taskContext: fc.dictionary(text, text),
        state: fc.option(
          fc.record({ state: fc.constantFrom(State.QUEUED, State.RUNNING, State.FAILED), reason: text }),
          { nil: undefined },
        ),
        stateChanges: fc.array(fc.record({ state: text, timestamp: text }), { maxLength: 4 }),
      }),
      { nil: undefined },
    ),
    jobId: text,
    slot: count,
    agentId: text,
    resources: fc.option(fc.record({ cpuMillis: time, ports: count }), { nil: undefined }),
    stop: fc.option(fc.record({ code: text, atMs: time }), { nil: undefined }),
    deadlineAtMs: time,
    replaced: fc.boolean(),
    results: fc.array(text, { maxLength: 3 }),
  })
  .map((fields) => TaskRecord.fromPartial(fields));

describe('a stored task', () => {
  it('knows its job and its state before it is decoded', () => {
    fc.assert(
      fc.property(record, (task) => {
        const head = readTaskHead(TaskRecord.encode(task).finish());
        expect(head).toEqual({ jobId: task.jobId, state: taskState(task) });
      }),
    );
  });

  it('has the record that was stored', () => {
    const task = TaskRecord.fromPartial({ task: { id: 'j.0-0' }, jobId: 'j' });
    const stored = { field: 'task/j.0-0', revision: 7, bytes: encodeRecord('task', task) };
    const entity = decodeEntity(stored);
    expect(entity).toBeInstanceOf(StoredTask);
    expect(entity).toMatchObject({ kind: 'task', id: 'j.0-0', revision: 7, record: task });
    expect(entity?.kind === 'task' && headOf(entity)).toEqual({ jobId: 'j', state: State.QUEUED });
  });

  it('has no head if its bytes are damaged, at any position', () => {
    const damage = fc.array(fc.record({ at: fc.nat(), to: fc.nat(255) }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(record, damage, fc.nat(), (task, changes, cut) => {
        const bytes = TaskRecord.encode(task).finish();
        if (bytes.length === 0) return;
        for (const { at, to } of changes) bytes[at % bytes.length] = to;
        const damaged = bytes.subarray(0, bytes.length - (cut % 3));
        if (readTaskHead(damaged) !== undefined) expect(() => TaskRecord.decode(damaged)).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });
});
