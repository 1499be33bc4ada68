import { describe, expect, it } from 'vitest';
import { engineFeatures, featureAttributes } from './engine-features.js';

const docker20 = {
  Driver: 'overlay2',
  DriverStatus: [['Backing Filesystem', 'extfs']],
  DockerRootDir: '/var/lib/docker',
  LoggingDriver: 'json-file',
  CgroupVersion: '1',
  CpuCfsQuota: true,
  MemoryLimit: true,
  SwapLimit: true,
  PidsLimit: true,
  SecurityOptions: ['name=seccomp,profile=default'],
  LiveRestoreEnabled: false,
};
const onXfs = { ...docker20, DriverStatus: [['Backing Filesystem', 'xfs']] };
const mounts = (options: string) =>
  `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n90 22 8:2 / /var/lib/docker rw - xfs /dev/sdb1 ${options}\n`;

describe('the features of an engine', () => {
  it('are complete on a usual host, but for the limit of disks', () => {
    const features = engineFeatures(docker20);
    expect(features).toMatchObject({ cpuLimit: true, diskLimit: false, boundedLog: 'json-file' });
    expect(featureAttributes(features)).toEqual({ 'engine.cgroup': 'v1', 'engine.diskLimit': 'none' });
  });

  it.each([
    ['ext4', docker20, mounts('rw,prjquota'), false],
    ['xfs without quotas', onXfs, mounts('rw,noquota'), false],
    ['xfs with quotas', onXfs, mounts('rw,attr2,prjquota'), true],
    ['xfs that the agent does not see', onXfs, '', false],
    ['btrfs', { ...docker20, Driver: 'btrfs' }, '', true],
    ['containerd’s image store', { ...docker20, Driver: 'overlayfs' }, mounts('rw,prjquota'), false],
  ])('limit disks on %s: %#', (_, info, mountinfo, expected) => {
    expect(engineFeatures(info, mountinfo).diskLimit).toBe(expected);
  });

  it('leave out what a rootless engine lacks', () => {
    const rootless = {
      ...docker20,
      CpuCfsQuota: false,
      SwapLimit: false,
      PidsLimit: false,
      SecurityOptions: ['name=rootless'],
    };
    expect(featureAttributes(engineFeatures(rootless))).toEqual({
      'engine.cgroup': 'v1',
      'engine.diskLimit': 'none',
      'engine.cpuLimit': 'none',
      'engine.swapLimit': 'none',
      'engine.pidsLimit': 'none',
      'engine.seccomp': 'none',
      'engine.rootless': 'true',
    });
  });

  it('of Podman say that containers do not depend on its service', () => {
    expect(engineFeatures({ ...docker20, BuildahVersion: '1.28' }).outlivesEngine).toBe(true);
    expect(engineFeatures({ ...docker20, LiveRestoreEnabled: true }).outlivesEngine).toBe(true);
    expect(engineFeatures(docker20).outlivesEngine).toBe(false);
  });

  it('have no bounded log with another logging driver', () => {
    expect(engineFeatures({ ...docker20, LoggingDriver: 'journald' }).boundedLog).toBeUndefined();
  });
});
