import { Explanation, PlanResponse } from '@berth/shared/gen/berth/v1/placement_service';
import { describe, expect, it } from 'vitest';
import { colorizer } from '../../terminal/colors.js';
import { explanationLines, planLines } from './placement.js';

const colorize = colorizer(false);
const waiting = Explanation.fromPartial({
  taskId: 'job.0-0',
  state: 'QUEUED',
  agents: 7,
  reasons: [{ reason: 'too little memory free', agents: 7, samples: ['a', 'b', 'c', 'd', 'e'] }],
  remedies: [{ agents: 2, text: '212 MB less memory: 2 agents' }],
});

describe('an explanation', () => {
  it('counts the agents of each obstacle, and lists the remedies', () => {
    expect(explanationLines(waiting, colorize)).toEqual([
      'job.0-0 waits: none of 7 agents can take it now.',
      '',
      'WHAT STOPS IT           AGENTS  SUCH AS',
      'too little memory free  7       a, b, c, d, e, …',
      '',
      'Any one of these would place it:',
      '  212 MB less memory: 2 agents',
    ]);
  });

  it('tells the numbers behind an obstacle', () => {
    const [reason] = waiting.reasons;
    const detail = 'asks 100000 MB; the largest agent has 25276 MB: it never fits';
    const detailed = Explanation.fromPartial({ ...waiting, reasons: [{ ...reason, detail }], remedies: [] });
    expect(explanationLines(detailed, colorize)).toEqual([
      'job.0-0 waits: none of 7 agents can take it now.',
      '',
      'WHAT STOPS IT           AGENTS  SUCH AS',
      'too little memory free  7       a, b, c, d, e, …',
      '',
      '  too little memory free: asks 100000 MB; the largest agent has 25276 MB: it never fits',
      '',
      'No single change would place it.',
    ]);
  });

  it('shows the state of a task that does not wait', () => {
    const running = Explanation.fromPartial({ taskId: 't', state: 'RUNNING', agentId: 'a' });
    expect(explanationLines(running, colorize)).toEqual(['t is RUNNING on a; it does not wait.']);
    const lonely = Explanation.fromPartial({ taskId: 't', state: 'QUEUED' });
    expect(explanationLines(lonely, colorize)).toEqual(['t waits: there is no live agent.']);
  });
});

it('shows a plan by agent, with the reason of those that would wait', () => {
  const plan = PlanResponse.fromPartial({
    tasks: [
      { taskId: 'n.0-0', agentId: 'a' },
      { taskId: 'n.1-0', agentId: 'a' },
      { taskId: 'n.2-0', explanation: waiting },
    ],
    placed: 2,
    waiting: 1,
  });
  expect(planLines(plan, colorize).slice(0, 5)).toEqual([
    'AGENT  TASKS',
    'a      2',
    '2 would be placed, 1 would wait.',
    '',
    'job.0-0 waits: none of 7 agents can take it now.',
  ]);
});
