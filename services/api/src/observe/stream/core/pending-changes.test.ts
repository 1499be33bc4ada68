import type { Entity } from '@berth/shared/model/cell/entity';
import { describe, expect, it } from 'vitest';
import { jobWrite, ScriptedCell, taskWrite } from '../../../testing/scripted-cell.js';
import { type JobNotification, jobConflation } from '../../titus/core/job-notifications.js';
import { PendingChanges } from './pending-changes.js';

const cell = new ScriptedCell();

function job(version: string, isFirst = false): JobNotification {
  cell.commit(jobWrite('j', { createdBy: version }));
  return { kind: 'definition', jobId: 'j', job: found(cell.find('job', 'j')), isFirst };
}

function task(id: string, version: string): JobNotification {
  cell.commit(taskWrite(id, { agentId: version }));
  return { kind: 'task', jobId: 'j', task: found(cell.find('task', id)) };
}

const finished: JobNotification = { kind: 'finished', jobId: 'j' };

function found<T>(entity: T | undefined): T {
  if (entity === undefined) throw new Error('not found');
  return entity;
}

function nameOf(notification: JobNotification): string {
  switch (notification.kind) {
    case 'definition':
      return `job ${notification.job.record.createdBy}`;
    case 'task':
      return `${notification.task.id} ${(notification.task as Entity<'task'>).record.agentId}`;
    case 'finished':
      return 'finished';
  }
}

function drain(pending: PendingChanges<JobNotification>): string[] {
  const names: string[] = [];
  for (let next = pending.take(); next !== undefined; next = pending.take()) names.push(nameOf(next));
  return names;
}

function pendingOf(
  maxBytes: number,
  ...notifications: readonly JobNotification[]
): PendingChanges<JobNotification> {
  const pending = new PendingChanges(jobConflation, maxBytes);
  for (const notification of notifications) pending.add(notification);
  return pending;
}

describe('PendingChanges', () => {
  it('keeps everything in order below its bound', () => {
    const pending = pendingOf(1e6, job('1', true), task('j.0', 'a'), job('2'), task('j.0', 'b'), finished);
    expect(drain(pending)).toEqual(['job 1', 'j.0 a', 'job 2', 'j.0 b', 'finished']);
  });

  it('past its bound replaces the waiting one of the same entity, at the end', () => {
    const pending = pendingOf(0, task('j.0', 'a'), task('j.1', 'a'), task('j.0', 'b'), task('j.0', 'c'));
    expect(pending.size).toBe(2);
    expect(drain(pending)).toEqual(['j.1 a', 'j.0 c']);
  });

  it('keeps a new job before its tasks, even if it is redefined often in between', () => {
    const pending = pendingOf(0, job('1', true), task('j.0', 'a'), job('2'), task('j.0', 'b'), job('3'));
    expect(drain(pending)).toEqual(['job 3', 'j.0 b']);
  });

  it('keeps the position of a redefinition of a known job', () => {
    const pending = pendingOf(0, job('1'), task('j.0', 'a'), job('2'));
    expect(drain(pending)).toEqual(['j.0 a', 'job 2']);
  });

  it('replaces nothing by the end of a job', () => {
    const pending = pendingOf(0, job('1', true), task('j.0', 'a'), finished);
    expect(drain(pending)).toEqual(['job 1', 'j.0 a', 'finished']);
  });

  it('begins anew once it is empty', () => {
    const pending = pendingOf(0, task('j.0', 'a'));
    expect(pending.isConflating).toBe(true);
    expect(drain(pending)).toEqual(['j.0 a']);
    expect(pending.isConflating).toBe(false);
    pending.add(task('j.0', 'b'));
    pending.add(task('j.1', 'a'));
    expect(drain(pending)).toEqual(['j.0 b', 'j.1 a']);
    expect(pending.size).toBe(0);
  });
});
