import { describe, expect, it } from 'vitest';
import {
  confirmedFault,
  type Fault,
  faultRules,
  isFault,
  isFinishedCode,
  isSystemCode,
  maxRegistryAttempts,
} from './failure.js';
import { reasonCodes } from './reason.js';

describe('the rules of faults', () => {
  it.each(Object.entries(faultRules))('hold for the reason codes that they give: %s', (_, rule) => {
    expect(rule.state).toBe(isFinishedCode(rule.code) ? 'FINISHED' : 'FAILED');
    if (rule.state === 'FAILED') expect(rule.usesRetries).toBe(!isSystemCode(rule.code));
  });

  it('decide if a code ends a task well, and if the system failed', () => {
    const codes = [...reasonCodes, '', 'constructor', 'ofALaterVersion'];
    expect(codes.filter(isFinishedCode)).toEqual(['normal', 'killed', 'scaledDown']);
    const ofSystem = ['systemError', 'agentLost', 'stuckInState', 'moved', 'preempted', 'refused'];
    expect(codes.filter(isSystemCode)).toEqual(ofSystem);
  });

  it('use up retries only if no other host may help', () => {
    for (const rule of Object.values(faultRules))
      expect(rule.usesRetries && rule.otherHostMayHelp).toBe(false);
  });

  it('know their names', () => {
    expect(isFault('host')).toBe(true);
    expect(isFault('constructor')).toBe(false);
    expect(isFault('')).toBe(false);
  });
});

describe('a registry that cannot be found', () => {
  const alone = { agents: 1, attempts: 1, gatewayAgrees: false };

  it('is not the image’s fault as long as one agent says so once', () => {
    expect(confirmedFault('registry', alone)).toBe('registry');
  });

  it.each([
    ['a second agent', { ...alone, agents: 2, attempts: 2 }],
    ['a gateway', { ...alone, gatewayAgrees: true }],
    ['one agent again and again', { ...alone, attempts: maxRegistryAttempts }],
  ])('is the image’s fault if %s says so', (_, findings) => {
    expect(confirmedFault('registry', findings)).toBe('image');
  });

  it('changes no other fault', () => {
    const findings = { agents: 9, attempts: 9, gatewayAgrees: true };
    for (const fault of Object.keys(faultRules) as Fault[])
      expect(confirmedFault(fault, findings)).toBe(fault === 'registry' ? 'image' : fault);
  });
});
