import { readFile } from 'node:fs/promises';
import { type Clock, systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { type AuthEntry, type AuthFile, hubKey, keysOf, parseAuthFile } from './auth-file.js';
import { runHelper } from './credential-helper.js';
import { dockerHub } from './registry-image.js';

/** A name and a password, or a token that stands for both. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** Replaces the password. The registry's token server turns it into a token for one request. */
  readonly identityToken?: string;
}

/** Returns the credentials for a registry; undefined where there are none. */
export type FindCredentials = (registry: string) => Promise<Credentials | undefined>;

/** The credentials for a registry, and a text for people that says where they were looked for. */
export interface CredentialsLookup {
  readonly credentials?: Credentials;
  readonly asked: string;
}

interface CredentialsOptions {
  /** The path of a file such as `docker login` writes. Absent: there are no credentials. */
  readonly path: string | undefined;
  /** The setting that has the path. */
  readonly setting: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly helperLimitMs?: number;
}

/** A helper may wait for a service that gives out tokens. */
const defaultHelperLimitMs = 15_000;
/** Helpers mark a token with this name. */
const tokenUser = '<token>';

/**
 * Returns a function that finds credentials in the file and asks the helpers that the file names. It reads
 * the file each time. So a change counts at once. A file that cannot be read is logged and counts as empty.
 */
export function openCredentials(
  options: CredentialsOptions,
): (registry: string) => Promise<CredentialsLookup> {
  const { path, setting, log } = options;
  return async (registry) => {
    if (path === undefined) return { asked: `no credentials: ${setting} is not set` };
    try {
      const file = parseAuthFile(await readFile(path, 'utf8'));
      return (await askHelpers(file, registry, options)) ?? inFile(file, registry, path);
    } catch (error) {
      // The message may quote the file. So only the kind of the error is logged.
      const why = `${setting} cannot be used: ${error instanceof Error ? error.name : 'unknown error'}`;
      log.error(why);
      return { asked: `no credentials: ${why}` };
    }
  };
}

/** Returns the credentials of the gateway's file. */
export function credentialsFrom(path: string | undefined, log: Logger): FindCredentials {
  const find = openCredentials({ path, setting: 'BERTH_IMAGE_AUTH_FILE', log });
  return async (registry) => (await find(registry)).credentials;
}

/** Returns the value of the header for HTTP's basic authentication. */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function inFile({ auths }: AuthFile, registry: string, path: string): CredentialsLookup {
  for (const key of keysOf(registry, Object.keys(auths ?? {}))) {
    const credentials = toCredentials(auths?.[key] ?? {});
    if (credentials !== undefined) return { credentials, asked: `credentials of ${path}` };
  }
  return { asked: `${path} has no credentials for it` };
}

async function askHelpers(
  { auths, credsStore, credHelpers }: AuthFile,
  registry: string,
  options: CredentialsOptions,
): Promise<CredentialsLookup | undefined> {
  const [ownKey] = keysOf(registry, Object.keys(credHelpers ?? {}));
  const name = (ownKey === undefined ? undefined : credHelpers?.[ownKey]) || credsStore;
  if (!name) return undefined;
  const { log, clock = systemClock, helperLimitMs: limitMs = defaultHelperLimitMs } = options;
  const usualKey = registry === dockerHub ? hubKey : registry;
  const keys = new Set([...keysOf(registry, Object.keys(auths ?? {})), usualKey, `https://${registry}`]);
  for (const key of [...keys].slice(0, 3)) {
    const answer = await runHelper({ name, key, limitMs, clock });
    if (answer.outcome === 'found') {
      const { username, secret } = answer;
      return { credentials: ofHelper(username, secret), asked: `credentials of docker-credential-${name}` };
    }
    if (answer.outcome === 'failed') {
      log.error(`the credential helper docker-credential-${name} failed: ${answer.why}`);
      return { asked: `no credentials: docker-credential-${name} failed: ${answer.why}` };
    }
  }
  return undefined;
}

function ofHelper(username: string, secret: string): Credentials {
  if (username === tokenUser) return { username: '', password: '', identityToken: secret };
  return { username, password: secret };
}

function toCredentials({ auth, username, password, identitytoken }: AuthEntry): Credentials | undefined {
  const [, name, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(auth ?? '', 'base64').toString('utf8')) ?? [];
  const credentials = {
    username: name ?? username ?? '',
    // Docker's command has written a zero byte after the password.
    password: (secret ?? password ?? '').replace(/\0+$/, ''),
  };
  if (identitytoken) return { ...credentials, identityToken: identitytoken };
  return credentials.username === '' && credentials.password === '' ? undefined : credentials;
}
