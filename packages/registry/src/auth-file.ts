/* Reads a file of credentials in the format of Docker's `config.json`. PURE. */
import { z } from 'zod';
import { hubNames } from './registry-image.js';

/** The part of the file that is about credentials. */
const schema = z.object({
  auths: z
    .record(
      z.string(),
      z.object({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
        identitytoken: z.string().optional(),
      }),
    )
    .nullish(),
  credsStore: z.string().nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
});

export type AuthFile = z.output<typeof schema>;
export type AuthEntry = NonNullable<AuthFile['auths']>[string];

/** Returns the content of the file. @throws an Error whose message may quote the file. */
export function parseAuthFile(text: string): AuthFile {
  return schema.parse(JSON.parse(text));
}

/**
 * The key of Docker Hub. Docker's command and its helpers keep the credentials of Docker Hub under it.
 */
export const hubKey = 'https://index.docker.io/v1/';

/**
 * Returns the names that belong to the registry, the best first. Versions of `docker login` wrote `HOST`,
 * `https://HOST`, `http://HOST/`, `https://HOST/v1/` and the like. All of them mean the host.
 */
export function keysOf(registry: string, keys: readonly string[]): readonly string[] {
  const ranked = keys.map((key) => ({ key, rank: rankOf(key, registry) }));
  return ranked
    .filter(({ rank }) => rank < noRank)
    .sort((a, b) => a.rank - b.rank)
    .map(({ key }) => key);
}

const noRank = 4;

function rankOf(key: string, registry: string): number {
  if (key === registry || (key === hubKey && hubNames.has(registry))) return 0;
  const [, host = '', path = ''] = /^(?:https?:\/\/)?([^/]*)(.*)$/i.exec(key) ?? [];
  if (!isSameHost(host.toLowerCase(), registry.toLowerCase())) return noRank;
  if (path === '' || path === '/') return 1;
  // Other paths name a part of the registry. Docker's command ignores them, too.
  return /^\/v[12]\/?$/.test(path) ? 2 : 3;
}

function isSameHost(a: string, b: string): boolean {
  return a === b || (hubNames.has(a) && hubNames.has(b));
}
