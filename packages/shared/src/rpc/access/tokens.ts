import { ConfigError } from '../../process/config.js';
import { readSettingFile } from '../../process/config-files.js';
import { type Tokens, tokenHash } from './authenticate.js';

/** Shorter ones can be guessed. */
const minTokenLength = 16;

/**
 * Reads bearer tokens from a file. Each line has a token, the caller's id, and optionally its e-mail
 * address, separated by blanks. Empty lines and lines that begin with `#` are skipped.
 * @throws ConfigError that names every line that is wrong, and never a token.
 */
export function readTokens(variable: string, path: string): Tokens {
  const tokens = new Map<string, { id: string; email?: string }>();
  const problems: string[] = [];
  for (const [index, line] of linesOf(variable, path).entries()) {
    const [token = '', id, email, ...rest] = line.trim().split(/\s+/);
    if (token === '' || token.startsWith('#')) continue;
    const refuse = (why: string) => problems.push(`${variable}: line ${index + 1} of ${path} ${why}`);
    if (token.length < minTokenLength) refuse(`has a token of less than ${minTokenLength} characters`);
    else if (id === undefined) refuse('names no caller: write TOKEN CALLER-ID [E-MAIL]');
    else if (rest.length > 0) refuse('has more than TOKEN CALLER-ID [E-MAIL]');
    else if (tokens.has(tokenHash(token))) refuse('has the token of an earlier line');
    else tokens.set(tokenHash(token), { id, ...(email === undefined ? {} : { email }) });
  }
  if (problems.length === 0 && tokens.size === 0) problems.push(`${variable}: ${path} holds no token`);
  if (problems.length > 0) throw ConfigError.of(problems);
  return tokens;
}

function linesOf(variable: string, path: string): readonly string[] {
  const file = readSettingFile(path);
  if ('why' in file) throw ConfigError.of([`${variable}: ${file.why}`]);
  return file.bytes.toString('utf8').split('\n');
}
