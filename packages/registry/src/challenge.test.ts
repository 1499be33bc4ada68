import { describe, expect, it } from 'vitest';
import { parseChallenge } from './challenge.js';

describe('a challenge of a registry', () => {
  it('asks for a name and a password', () => {
    expect(parseChallenge('Basic realm="berth"')).toEqual({ scheme: 'basic' });
  });

  it('asks for a token, and names the token server', () => {
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

  it('is unknown in another scheme, or without a token server', () => {
    for (const header of ['', 'Negotiate', 'Bearer', 'Bearer service="x"', 'basically'])
      expect(parseChallenge(header)).toBeUndefined();
  });
});
