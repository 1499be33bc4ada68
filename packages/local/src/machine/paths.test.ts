import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dockerdArgs, enginePaths } from '../engine/dockerd.js';
import { engineDir } from './paths.js';

describe('engineDir', () => {
  it('is below the home directory if a socket path in it is short enough', () => {
    expect(engineDir('/home/ada/berth/.berth')).toBe('/home/ada/berth/.berth/engine');
  });

  it('is a short one in the temp folder for a deep clone, stable for each clone', () => {
    const deep = join('/home', 'd'.repeat(90), '.berth');
    const dir = engineDir(deep, '/tmp');
    expect(dir).toMatch(/^\/tmp\/berth-engine-[0-9a-f]{12}$/);
    expect(engineDir(deep, '/tmp')).toBe(dir);
    expect(engineDir(`${deep}2`, '/tmp')).not.toBe(dir);
    expect(Buffer.byteLength(enginePaths(dir).socket)).toBeLessThan(108);
  });

  it('counts bytes, not characters', () => {
    expect(engineDir(`/home/${'ö'.repeat(40)}`, '/tmp')).toMatch(/^\/tmp\//);
  });
});

describe('dockerdArgs', () => {
  it('keeps everything of the engine in its directory', () => {
    const args = dockerdArgs('/x/engine', undefined, 0);
    expect(args.filter((arg) => arg.includes('/')).every((arg) => arg.includes('/x/engine/'))).toBe(true);
    expect(args).not.toContain('--iptables=false');
  });

  it('leaves the packet filter alone on a bridge beside that of another engine', () => {
    expect(dockerdArgs('/x/engine', 'berth-1', 0)).toEqual(
      expect.arrayContaining(['--bridge', 'berth-1', '--iptables=false']),
    );
  });
});
