import { imageResolutionLabel } from '@berth/shared/model/submission/template-job';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aReport, aTask } from '../../testing/fixtures.js';
import { judgedReport } from './registry-findings.js';

const text = 'the image r.invalid/x:1 cannot be pulled: dial tcp: lookup r.invalid: no such host';
const attempt = (number: number, agentId: string) => {
  const task = aTask({ state: State.FAILED });
  const state = { state: State.FAILED, reason: `systemError: ${text}` };
  return { ...task, attempt: number, agentId, ...(task.task && { task: { ...task.task, state } }) };
};
const codeOf = (tasks: ReturnType<typeof attempt>[], label = '') => {
  const task = attempt(tasks.length, 'b');
  const report = { ...aReport(task, State.FAILED, { code: 'systemError', text }), fault: 'registry' };
  const labels = label === '' ? {} : { [imageResolutionLabel]: label };
  const descriptor = { labels } as Parameters<typeof judgedReport>[1]['descriptor'];
  return judgedReport(report, { task, descriptor, tasks }).code;
};

describe('a registry that an agent cannot find', () => {
  it('is the system’s fault at first', () => {
    expect(codeOf([])).toBe('systemError');
    expect(codeOf([attempt(0, 'b')])).toBe('systemError');
  });

  it('is the image’s fault once a second agent, the gateway or a third attempt agrees', () => {
    expect(codeOf([attempt(0, 'a')])).toBe('invalidRequest');
    expect(codeOf([attempt(0, 'b'), attempt(1, 'b')])).toBe('invalidRequest');
    expect(codeOf([], 'not resolved: its host name is not known')).toBe('invalidRequest');
  });
});
