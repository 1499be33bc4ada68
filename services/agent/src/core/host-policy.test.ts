import type { NetworkMode } from '@berth/shared/model/job/container-network';
import { parseSecurityProfile } from '@berth/shared/model/job/security-profile';
import { describe, expect, it } from 'vitest';
import { type HostPolicy, policyViolations } from './host-policy.js';

function missing(map: Record<string, string>, consent: HostPolicy = {}, network?: NetworkMode) {
  const parsed = parseSecurityProfile(map);
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  return policyViolations({ security: parsed.profile, network }, consent).map(
    (problem) => problem.split(':')[0],
  );
}

const everything = {
  privileged: 'true',
  capabilities: 'NET_ADMIN,SYS_TIME',
  seccomp: 'unconfined',
  apparmor: 'unconfined',
};

describe('the host policy', () => {
  it('forbids everything beyond the container by default, and names each missing permission', () => {
    expect(missing(everything, {}, 'host')).toEqual([
      'securityProfile.privileged',
      'securityProfile.capabilities',
      'securityProfile.seccomp',
      'securityProfile.apparmor',
      'parameters["network"]',
    ]);
    expect(missing({ seccomp: '{"defaultAction":"SCMP_ACT_ALLOW"}' })).toEqual(['securityProfile.seccomp']);
  });

  it('permits everything that engines give by default, and less', () => {
    const map = {
      capabilities: '-ALL,CHOWN,NET_BIND_SERVICE',
      seccomp: 'default',
      apparmor: 'web',
      user: '1000',
    };
    expect(missing({ ...map, readOnlyRootfs: 'true' }, {}, 'none')).toEqual([]);
    expect(missing({}, {}, 'bridge')).toEqual([]);
  });

  it('permits no more than the operator’s settings say', () => {
    const map = { capabilities: 'NET_ADMIN,SYS_TIME' };
    expect(missing(map, { allowedCapabilities: new Set(['NET_ADMIN']) })).toEqual([
      'securityProfile.capabilities',
    ]);
    expect(missing(map, { allowedCapabilities: new Set(['NET_ADMIN', 'SYS_TIME']) })).toEqual([]);
    expect(missing({ capabilities: 'ALL' }, { allowedCapabilities: new Set(['ALL']) })).toEqual([]);
    expect(missing({ seccomp: 'unconfined' }, { allowsUnconfined: true })).toEqual([]);
    expect(missing({}, { allowsHostNetwork: true }, 'host')).toEqual([]);
  });

  it('permits everything with privileged containers', () => {
    expect(missing(everything, { allowsPrivileged: true }, 'host')).toEqual([]);
  });
});
