import { LaunchFailures } from '@berth/shared/gen/berth/v1/store';
import { firstAvoidanceMs, firstLastResortMs } from '@berth/shared/model/cell/launch-health';
import { describe, expect, it } from 'vitest';
import type { AgentInfo } from '../agent/agent-info.js';
import { BlockIndex } from '../index/block-index.js';
import { AvoidedAgents } from './avoided-agents.js';

const total = { cpuMillis: 1000, memoryMb: 1, diskMb: 0, networkMbps: 0, gpuMillis: 0, ports: 0, eni: 0 };

/** Two live agents. */
function agents(): readonly AgentInfo[] {
  const index = new BlockIndex();
  for (const id of ['healthy', 'sick']) index.addAgent({ id, attributes: {}, total });
  return [...index.agents()];
}

function avoided(): AvoidedAgents {
  const one = new AvoidedAgents();
  one.note('sick', LaunchFailures.fromPartial({ count: 1, lastAtMs: 1_000, reason: 'hook' }));
  return one;
}

describe('an avoided agent', () => {
  it('is tried after its span, as long as no task waits', () => {
    expect(avoided().nextTrialMs(agents())).toBe(1_000 + firstAvoidanceMs);
  });

  it('is tried sooner while tasks wait, so that none waits only because of it', () => {
    const one = avoided();
    expect(one.noteWaiting(true)).toBe(true);
    expect(one.noteWaiting(true)).toBe(false);
    expect(one.nextTrialMs(agents())).toBe(1_000 + firstLastResortMs);
    one.advance(1_000 + firstLastResortMs);
    expect(one.avoidances(agents()).get('sick')?.isOnTrial).toBe(true);
    expect(one.noteWaiting(false)).toBe(true);
    expect(one.avoidances(agents()).get('sick')?.isOnTrial).toBe(false);
  });
});
