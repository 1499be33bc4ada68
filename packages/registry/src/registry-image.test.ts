import { parseImageRef } from '@berth/shared/model/submission/image-ref';
import { describe, expect, it } from 'vitest';
import { isLocalRegistry, registryImageOf } from './registry-image.js';

function of(name: string) {
  const ref = parseImageRef(name);
  if (ref === undefined) throw new Error(`${name} is no image name`);
  const { registry, path, reference, isExplicit } = registryImageOf(ref);
  return [registry, path, reference, isExplicit];
}

describe('the registry of an image name', () => {
  it('is Docker Hub if the name has none', () => {
    expect(of('busybox')).toEqual(['docker.io', 'library/busybox', 'latest', false]);
    expect(of('berth/busybox:1')).toEqual(['docker.io', 'berth/busybox', '1', false]);
  });

  it('is Docker Hub under all of its names', () => {
    expect(of('docker.io/busybox')).toEqual(['docker.io', 'library/busybox', 'latest', true]);
    expect(of('index.docker.io/a/b:2')).toEqual(['docker.io', 'a/b', '2', true]);
  });

  it('is the host that comes first, with its port', () => {
    expect(of('reg.example.org/a/b:2')).toEqual(['reg.example.org', 'a/b', '2', true]);
    expect(of('localhost/a')).toEqual(['localhost', 'a', 'latest', true]);
    expect(of('reg:5000/a')).toEqual(['reg:5000', 'a', 'latest', true]);
  });

  it('is asked for the digest if the name has one', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(of(`reg:5000/a:1@${digest}`)).toEqual(['reg:5000', 'a', digest, true]);
  });

  it('is this machine only for loopback addresses', () => {
    expect(
      ['localhost', 'localhost:5000', '127.0.0.1:5000', '127.1.2.3', '[::1]:5000'].every(isLocalRegistry),
    ).toBe(true);
    expect(['localhost.example.org', '128.0.0.1', '127.0.0.1.example.org'].some(isLocalRegistry)).toBe(false);
  });
});
