import { describe, expect, it } from 'vitest';
import { isImageId, parseImageRef } from './image-ref.js';

const hex = 'a'.repeat(64);

describe('parseImageRef', () => {
  it.each([
    ['busybox', { repository: 'busybox' }],
    ['busybox:1.36', { repository: 'busybox', tag: '1.36' }],
    ['127.0.0.1:5000/tb/busybox:1', { repository: '127.0.0.1:5000/tb/busybox', tag: '1' }],
    ['localhost/a__b/c-d:X_1', { repository: 'localhost/a__b/c-d', tag: 'X_1' }],
    [`Reg.example.org/a@sha256:${hex}`, { repository: 'Reg.example.org/a', digest: `sha256:${hex}` }],
    [`a:t@sha256:${hex}`, { repository: 'a', tag: 't', digest: `sha256:${hex}` }],
  ])('reads %s', (text, parts) => {
    expect(parseImageRef(text)).toEqual(parts);
  });

  it.each([
    '',
    'UPPER',
    'a b',
    'a:',
    ':1',
    'a//b',
    '/a',
    'a/',
    'a@sha256:123',
    '-a',
    'a'.repeat(700),
    `${'a'.repeat(300)}:1`,
  ])('refuses %j', (text) => {
    expect(parseImageRef(text)).toBeUndefined();
  });

  it('answers at once for texts that make a careless pattern backtrack', () => {
    expect(parseImageRef(`${'a-'.repeat(250)}!`)).toBeUndefined();
    expect(parseImageRef(`${'a.'.repeat(250)}:/`)).toBeUndefined();
  });
});

describe('isImageId', () => {
  it('takes digests, alone or behind a name', () => {
    expect(isImageId(`sha256:${hex}`)).toBe(true);
    expect(isImageId(`busybox@sha256:${hex}`)).toBe(true);
  });

  it('refuses names and half a digest', () => {
    expect(isImageId('busybox:1')).toBe(false);
    expect(isImageId('sha256:abc')).toBe(false);
    expect(isImageId(`A B@sha256:${hex}`)).toBe(false);
  });
});
