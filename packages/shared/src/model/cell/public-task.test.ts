import { describe, expect, it } from 'vitest';
import { TaskRecord } from '../../gen/berth/v1/store.js';
import { Task } from '../../gen/netflix/titus/titus_job_api.js';
import type { Entity } from './entity.js';
import { isSamePublicTask, publicTaskBytes } from './public-task.js';

function taskEntity(record: TaskRecord): Entity<'task'> {
  return { kind: 'task', id: 'id', revision: 1, record, bytes: TaskRecord.encode(record).finish() };
}

describe('the bytes of the public task', () => {
  it('are the encoded task, without a copy', () => {
    const task = Task.fromPartial({ id: 'x'.repeat(300), taskContext: { a: 'b' } });
    const entity = taskEntity(TaskRecord.fromPartial({ task, jobId: 'j', slot: 3 }));
    const bytes = publicTaskBytes(entity);
    expect(Task.decode(bytes)).toEqual(task);
    expect(bytes.buffer).toBe(entity.bytes.buffer);
  });

  it('are empty without a task, or for an empty one', () => {
    expect(publicTaskBytes(taskEntity(TaskRecord.fromPartial({ jobId: 'j' })))).toHaveLength(0);
    expect(publicTaskBytes(taskEntity(TaskRecord.fromPartial({ task: {}, jobId: 'j' })))).toHaveLength(0);
  });
});

describe('two states of a task', () => {
  const record = TaskRecord.fromPartial({ task: { id: 't', taskContext: { a: 'b' } }, jobId: 'j' });

  it('have the same public part if only the rest of the record differs', () => {
    const later = taskEntity({ ...record, deadlineAtMs: 5, slot: 2 });
    expect(isSamePublicTask(taskEntity(record), later)).toBe(true);
  });

  it('differ if any part of the public message differs', () => {
    const changed = [{ id: 't', taskContext: { a: 'c' } }, { id: 't' }, { id: 't', state: { reason: 'x' } }];
    for (const task of changed)
      expect(
        isSamePublicTask(taskEntity(record), taskEntity(TaskRecord.fromPartial({ ...record, task }))),
      ).toBe(false);
  });
});
