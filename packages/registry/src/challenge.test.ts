import { describe, expect, it } from 'vitest';
import { parseChallenge } from './challenge.js';

describe('a challenge of a registry', () => {
  it('asks for a name and a password', () => {
    expect(parseChallenge('Basic realm="berth"')).toEqual({ scheme: 'basic' });
  });

  it('asks for a token, and tells where it is to be had', () => {
    expect(
      parseChallenge(
        'Bearer realm="https://auth.example.org/token",service="reg",scope="repository:a/b:pull,push"',
      ),
    ).toEqual({
      scheme: 'bearer',
      realm: 'https://auth.example.org/token',
      service: 'reg',
      scope: 'repository:a/b:pull,push',
    });
  });

  it('is not understood in another scheme, or without a place to get the token', () => {
    for (const header of ['', 'Negotiate', 'Bearer', 'Bearer service="x"', 'basically'])
      expect(parseChallenge(header)).toBeUndefined();
  });
});
