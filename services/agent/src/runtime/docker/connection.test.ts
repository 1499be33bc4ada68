import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { connectDocker } from './connection.js';

describe('a connection to the engine', () => {
  it('is formatted as one word, whatever its sockets hold', () => {
    const { sockets } = connectDocker('unix:///nowhere/docker.sock');
    expect(inspect({ agent: sockets }, { showHidden: true, depth: null })).toBe('{ agent: Agent }');
  });
});
