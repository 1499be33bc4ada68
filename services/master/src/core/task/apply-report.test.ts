import type { TaskRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { State, toRfc3339 } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aReport, aTask, limits, minute, must, second, t0 } from '../../testing/fixtures.js';
import { applyReport } from './apply-report.js';

const atMs = t0 + second;
const nowMs = t0 + 2 * second;

function report(task: TaskRecord, state: State, fields: Partial<TaskReport> = {}, runtimeLimitMs = 0) {
  return applyReport(task, aReport(task, state, { atMs, ...fields }), { nowMs, limits, runtimeLimitMs });
}

describe('a report', () => {
  it('of STARTING moves the task and sets when it counts as stuck', () => {
    const task = must(report(aTask({ state: State.DISPATCHED }), State.STARTING));
    expect(task.task?.state).toEqual({ state: State.STARTING, reason: '' });
    expect(task.deadlineAtMs).toBe(atMs + limits.stuckStartingMs);
  });

  it('of a pull’s progress keeps the task from counting as stuck, and says how far the pull is', () => {
    const starting = must(report(aTask({ state: State.DISPATCHED }), State.STARTING));
    const text = 'pulls app:1: 12 of 80 MB';
    const later = { nowMs: t0 + minute, limits, runtimeLimitMs: 0 };
    const word = aReport(starting, State.STARTING, { atMs: t0 + minute, text });
    const task = must(applyReport(starting, word, later));
    expect(task.task?.state).toEqual({ state: State.STARTING, reason: text });
    expect(task.task?.stateChanges).toEqual(starting.task?.stateChanges);
    expect(task.deadlineAtMs).toBe(t0 + minute + limits.stuckStartingMs);
    expect(applyReport(task, word, later)).toBeUndefined();
    expect(applyReport(starting, { ...word, text: '' }, later)).toBeUndefined();
  });

  it('of RUNNING adds the container’s context, and ends the deadline of the start', () => {
    const context = { 'task.containerIp': '172.17.0.2' };
    const task = must(report(aTask({ state: State.STARTING }), State.RUNNING, { context }));
    expect(task.task?.taskContext).toMatchObject({ ...context, 'agent.id': 'agent-1' });
    expect(task).toMatchObject({ runningAtMs: atMs, deadlineAtMs: 0 });
  });

  it('of RUNNING begins the runtime limit', () => {
    const task = must(report(aTask({ state: State.STARTING }), State.RUNNING, {}, minute));
    expect(task.deadlineAtMs).toBe(atMs + minute);
  });

  it('of an end brings the results of the task, and no other report does', () => {
    const results = ['41', '42'];
    const running = must(report(aTask({ state: State.STARTING }), State.RUNNING, { results }));
    expect(running.results).toEqual([]);
    const failed = must(report(running, State.FAILED, { code: 'failed', results }));
    expect(failed.results).toEqual(results);
  });

  it('may skip states', () => {
    const task = must(report(aTask({ state: State.DISPATCHED }), State.FINISHED));
    expect(task.task?.stateChanges.map(({ state }) => state)).toEqual(['QUEUED', 'DISPATCHED', 'FINISHED']);
  });

  it.each([
    { code: 'normal', state: State.FINISHED },
    { code: 'failed', state: State.FAILED },
    { code: 'oom', state: State.FAILED },
    { code: 'invalidRequest', state: State.FAILED },
    { code: 'systemError', state: State.FAILED },
  ])('of an end with $code gives state $state', ({ code, state }) => {
    const task = must(report(aTask({ state: State.RUNNING }), State.FAILED, { code, text: 'why' }));
    expect(task.task?.state).toEqual({ state, reason: `${code}: why` });
    expect(task).toMatchObject({ finishedAtMs: atMs, deadlineAtMs: 0 });
  });

  it('of an end with a reason that is not known blames the system', () => {
    const task = must(
      report(aTask({ state: State.RUNNING }), State.FAILED, { code: 'cosmicRay', text: 'bit 3' }),
    );
    expect(task.task?.state?.reason).toBe('systemError: bit 3');
  });

  it.each([
    { from: State.RUNNING, to: State.RUNNING },
    { from: State.RUNNING, to: State.STARTING },
    { from: State.FINISHED, to: State.RUNNING },
    { from: State.FINISHED, to: State.FAILED },
    { from: State.FAILED, to: State.FINISHED },
  ])('says nothing new when it goes from $from to $to', ({ from, to }) => {
    expect(report(aTask({ state: from }), to)).toBeUndefined();
  });

  it('of an agent that does not have the task says nothing', () => {
    expect(report(aTask({ state: State.RUNNING }), State.FAILED, { agentId: 'agent-2' })).toBeUndefined();
    expect(report(aTask(), State.RUNNING)).toBeUndefined();
  });
});

describe('a report on a task that was ordered to stop', () => {
  const stop = { code: 'scaledDown', text: 'fewer are wanted', atMs: t0 };
  const stopping = aTask({ state: State.RUNNING, record: { stop, deadlineAtMs: t0 + minute } });

  it('names the end after the order if the task ended by it', () => {
    const task = must(report(stopping, State.FAILED, { stopped: true, code: 'failed', text: 'SIGTERM' }));
    expect(task.task?.state).toEqual({ state: State.FINISHED, reason: 'scaledDown: fewer are wanted' });
  });

  it('keeps the container’s own end if that came first', () => {
    const task = must(
      report(stopping, State.FAILED, { stopped: false, code: 'failed', text: 'exit code 1' }),
    );
    expect(task.task?.state?.reason).toBe('failed: exit code 1');
  });

  it('does not lengthen the time in which it has to stop', () => {
    const starting = aTask({ state: State.STARTING, record: { stop, deadlineAtMs: t0 + minute } });
    expect(report(starting, State.RUNNING, {}, 60 * minute)?.deadlineAtMs).toBe(t0 + minute);
  });
});

describe('the time of a report', () => {
  it('is not taken to be before the task’s last change', () => {
    const task = must(report(aTask({ state: State.DISPATCHED, atMs }), State.RUNNING, { atMs: t0 - minute }));
    expect(task.runningAtMs).toBe(atMs);
    expect(task.task?.stateChanges.map(({ timestamp }) => timestamp)).toEqual(
      [atMs, atMs, atMs].map(toRfc3339),
    );
  });

  it('is not taken to be in the future', () => {
    const task = must(report(aTask({ state: State.RUNNING }), State.FINISHED, { atMs: nowMs + 60 * minute }));
    expect(task.finishedAtMs).toBe(nowMs);
  });
});
