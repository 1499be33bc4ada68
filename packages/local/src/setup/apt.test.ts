import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isNewEnough } from '../redis/redis-binary.js';
import { libraryDirs, packagesToInstall } from './apt.js';

describe('packagesToInstall', () => {
  it('reads each package of a simulated installation once', () => {
    const simulation = [
      'NOTE: This is only a simulation!',
      'Reading package lists...',
      'Inst liblzf1 (3.6-3 Debian:12.5/stable [amd64])',
      'Inst redis-tools (5:7.0.15-1~deb12u10 Debian-Security:12/stable-security [amd64])',
      'Inst redis-server [5:6.0] (5:7.0.15 Debian:12/stable [amd64]) []',
      'Conf liblzf1 (3.6-3 Debian:12.5/stable [amd64])',
      'Inst redis-server (5:7.0.15 Debian:12/stable [amd64])',
    ].join('\n');
    expect(packagesToInstall(simulation)).toEqual(['liblzf1', 'redis-tools', 'redis-server']);
  });

  it('reads none if nothing would be installed', () => {
    expect(
      packagesToInstall('redis-server is already the newest version.\n0 upgraded, 0 newly installed'),
    ).toEqual([]);
  });
});

describe('libraryDirs', () => {
  it('names the directories for this machine, the specific ones first', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-apt-'));
    try {
      await mkdir(join(dir, 'usr/lib/x86_64-linux-gnu'), { recursive: true });
      await mkdir(join(dir, 'lib/systemd'), { recursive: true });
      expect(await libraryDirs(dir)).toEqual(['usr/lib/x86_64-linux-gnu', 'usr/lib', 'lib']);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('isNewEnough', () => {
  it('accepts Redis 7 and later, and no text without a version', () => {
    expect(isNewEnough('Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64')).toBe(true);
    expect(isNewEnough('Redis server v=10.1.0 sha=0')).toBe(true);
    expect(isNewEnough('Redis server v=6.2.14 sha=0')).toBe(false);
    expect(isNewEnough('error while loading shared libraries: liblzf.so.1')).toBe(false);
  });
});
