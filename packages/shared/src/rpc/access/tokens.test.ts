import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ConfigError } from '../../process/config.js';
import { tokenHash } from './authenticate.js';
import { readTokens } from './tokens.js';

const dir = mkdtempSync(join(tmpdir(), 'berth-tokens-'));
afterAll(() => rmSync(dir, { recursive: true }));

function read(text: string) {
  const path = join(dir, 'tokens');
  writeFileSync(path, text);
  return readTokens('BERTH_API_TOKENS', path);
}

it('reads each token with the identity of its caller', () => {
  const tokens = read('# of people\n\n0123456789abcdef  ada ada@example.org\nfedcba9876543210\trobot\n');
  expect([...tokens]).toEqual([
    [tokenHash('0123456789abcdef'), { id: 'ada', email: 'ada@example.org' }],
    [tokenHash('fedcba9876543210'), { id: 'robot' }],
  ]);
});

it('names every wrong line of a token file, and no token', () => {
  const secret = 'very-secret-token-1';
  const bad = () => read(`short ada\n${secret}\n${secret} ada a@b.c more\n${secret} ada\n${secret} bob\n`);
  expect(bad).toThrow(ConfigError);
  expect(bad).toThrow(
    /line 1 .*less than 16.*\n.*line 2 .*no caller.*\n.*line 3 .*more.*\n.*line 5 .*earlier/,
  );
  expect(bad).not.toThrow(secret);
});

it('refuses a token file that is unreadable or empty', () => {
  expect(() => readTokens('BERTH_API_TOKENS', join(dir, 'none'))).toThrow(
    /BERTH_API_TOKENS: there is no file .*none/,
  );
  expect(() => read('# nobody\n')).toThrow(/holds no token/);
});
