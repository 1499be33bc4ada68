import { describe, expect, it } from 'vitest';
import { cgroupFiles, cpuMsIn, memoryBytesIn, networkIn } from './cgroup-text.js';

const id = '6c1b2f6411a55703ca6d46c60cca6774caed565dab0024cdf18020bc402857a4';
const versionOne = `9:name=systemd:/docker/${id}\n4:memory:/docker/${id}\n2:cpu,cpuacct:/docker/${id}\n0::/docker/${id}\n`;
const mountsOfOne = [
  '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
  '33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct',
  '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
  '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
].join('\n');
const versionTwo = `0::/system.slice/docker-${id}.scope\n`;
const mountsOfTwo = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n';

describe('the files with the figures of a container', () => {
  it('are in one tree for each controller in version 1, even beside a unified tree', () => {
    expect(cgroupFiles(versionOne, mountsOfOne, id)).toEqual({
      version: 1,
      cpu: `/sys/fs/cgroup/cpu,cpuacct/docker/${id}/cpuacct.usage`,
      memory: `/sys/fs/cgroup/memory/docker/${id}/memory.usage_in_bytes`,
      memoryStat: `/sys/fs/cgroup/memory/docker/${id}/memory.stat`,
    });
  });

  it('are in one directory in version 2', () => {
    const directory = `/sys/fs/cgroup/system.slice/docker-${id}.scope`;
    expect(cgroupFiles(versionTwo, mountsOfTwo, id)).toEqual({
      version: 2,
      cpu: `${directory}/cpu.stat`,
      memory: `${directory}/memory.current`,
      memoryStat: `${directory}/memory.stat`,
    });
  });

  it('are found if only a part of the tree is mounted', () => {
    const mounts = mountsOfTwo.replace(' / ', ' /system.slice ');
    expect(cgroupFiles(versionTwo, mounts, id)?.memory).toBe(
      `/sys/fs/cgroup/docker-${id}.scope/memory.current`,
    );
  });

  it.each([
    ['of a process that is not the container’s', '0::/user.slice\n', mountsOfTwo],
    ['outside of the part that is mounted', versionTwo, mountsOfTwo.replace(' / ', ' /user.slice ')],
    ['outside of the namespace', `0::/../docker-${id}.scope\n`, mountsOfTwo],
    ['of a tree that is not mounted', versionOne, mountsOfOne.replace('rw,memory', 'rw,devices')],
    ['of nothing', '', ''],
  ])('are not seen %s', (_, containerCgroup, mounts) => {
    expect(cgroupFiles(containerCgroup, mounts, id)).toBeUndefined();
  });
});

describe('the figures of a container', () => {
  it('give CPU time in nanoseconds in version 1, in microseconds in version 2', () => {
    expect(cpuMsIn('27616958\n', 1)).toBeCloseTo(27.616958);
    expect(cpuMsIn('usage_usec 27616\nuser_usec 10000\nsystem_usec 17616\n', 2)).toBeCloseTo(27.616);
  });

  it('are no number if the text is none', () => {
    expect(cpuMsIn('nothing', 1)).toBeNaN();
    expect(cpuMsIn('nothing', 2)).toBeNaN();
  });

  it.each([
    ['version 1', '900\n', 'inactive_file 5\ntotal_rss 100\ntotal_inactive_file 300\n', 600],
    ['version 2', '900\n', 'anon 100\nfile 700\ninactive_file 300\nactive_file 400\n', 600],
    ['more cache than use', '100\n', 'inactive_file 300\n', 0],
    ['no word of the cache', '900\n', '', 900],
  ])('count memory without the page cache: %s', (_, usage, stat, bytes) => {
    expect(memoryBytesIn(usage, stat)).toBe(bytes);
  });
});

const header = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     900       9    0    0    0     0          0         0      900       9    0    0    0     0       0          0
`;
const row = (name: string, received: number, sent: number) =>
  `  ${name}: ${received}       3    0    0    0     0          0         0        ${sent}       0    0    0    0     0       0          0\n`;

describe('the network counters', () => {
  it('are summed over all interfaces except the loopback', () => {
    expect(networkIn(header + row('eth0', 310, 20) + row('eth1', 5, 7))).toEqual({
      receivedBytes: 315,
      sentBytes: 27,
    });
  });

  it('are absent if there is only the loopback', () => {
    expect(networkIn(header)).toBeUndefined();
  });
});
