import { describe, expect, it } from 'vitest';
import { maxSecurityProfileBytes, parseSecurityProfile } from './security-profile.js';

const nothing = {
  securityGroups: [],
  addedCapabilities: [],
  droppedCapabilities: [],
  readOnlyRootfs: false,
  privileged: false,
};

function refused(map: Record<string, string>): string[] {
  const result = parseSecurityProfile(map);
  return 'violations' in result ? result.violations.map(({ field }) => field) : [];
}

describe('a security profile', () => {
  it('changes nothing if it is empty or names the engine’s own profile', () => {
    for (const map of [{}, { seccomp: 'default', apparmor: 'default', privileged: 'false' }])
      expect(parseSecurityProfile(map)).toEqual({ profile: nothing });
  });

  it('is read completely', () => {
    const seccomp = '{"defaultAction":"SCMP_ACT_ALLOW"}';
    expect(
      parseSecurityProfile({
        iamRole: 'arn:aws:iam::1:role/app',
        securityGroups: 'sg-1, sg-2',
        user: '1000:1000',
        capabilities: 'NET_ADMIN,-cap_chown,+SYS_TIME,-ALL',
        readOnlyRootfs: 'true',
        seccomp,
        apparmor: 'docker-default',
        privileged: 'true',
      }),
    ).toEqual({
      profile: {
        iamRole: 'arn:aws:iam::1:role/app',
        securityGroups: ['sg-1', 'sg-2'],
        user: '1000:1000',
        addedCapabilities: ['NET_ADMIN', 'SYS_TIME'],
        droppedCapabilities: ['CHOWN', 'ALL'],
        readOnlyRootfs: true,
        seccomp,
        apparmor: 'docker-default',
        privileged: true,
      },
    });
  });

  it('is refused with the name of each fault', () => {
    const wrong = {
      iamRole: 'a role',
      securityGroups: 'sg-1,,',
      user: 'a b',
      capabilities: 'FLY',
      readOnlyRootfs: 'yes',
      seccomp: '[]',
      apparmor: '-x',
      privileged: '1',
      constructor: 'x',
    };
    expect(refused(wrong)).toEqual(Object.keys(wrong).map((name) => `securityProfile.${name}`));
    expect(refused({ iamRole: '' })).toEqual(['securityProfile.iamRole']);
    expect(refused({ seccomp: `{"a":"${'x'.repeat(maxSecurityProfileBytes)}"}` })).toEqual([
      'securityProfile',
    ]);
  });
});
