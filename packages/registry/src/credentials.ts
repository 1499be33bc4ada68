import { readFile } from 'node:fs/promises';
import type { Logger } from '@berth/shared/process/logger';
import { z } from 'zod';
import { dockerHub } from './registry-image.js';

/** A name and a password, as HTTP's basic authentication sends them. */
export interface Credentials {
  readonly authorization: string;
}

/** Returns the credentials for a registry; undefined if there are none. */
export type FindCredentials = (registry: string) => Promise<Credentials | undefined>;

/** The part of Docker's `config.json` that holds credentials. */
const authFile = z.object({
  auths: z
    .record(
      z.string(),
      z.object({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
      }),
    )
    .default({}),
});

/** Docker keeps the credentials of Docker Hub under this name. */
const hubKey = 'https://index.docker.io/v1/';

/**
 * Returns credentials from a file that `docker login` writes. Each call reads the file again, so a change
 * counts at once. A file that cannot be read is logged and counts as empty.
 */
export function credentialsFrom(path: string | undefined, log: Logger): FindCredentials {
  if (path === undefined) return async () => undefined;
  return async (registry) => {
    try {
      const { auths } = authFile.parse(JSON.parse(await readFile(path, 'utf8')));
      const keys = [registry, `https://${registry}`, ...(registry === dockerHub ? [hubKey] : [])];
      const key = keys.find((one) => Object.hasOwn(auths, one));
      return key === undefined ? undefined : toCredentials(auths[key] ?? {});
    } catch (error) {
      // The error's message may quote the file, which holds passwords. So only the kind of the error is
      // logged.
      log.error(
        `BERTH_IMAGE_AUTH_FILE cannot be used: ${error instanceof Error ? error.name : 'unknown error'}`,
      );
      return undefined;
    }
  };
}

type AuthEntry = z.output<typeof authFile>['auths'][string];

function toCredentials({ auth, username, password }: AuthEntry): Credentials | undefined {
  if (auth !== undefined && auth !== '') return { authorization: `Basic ${auth}` };
  if (username === undefined || password === undefined) return undefined;
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}
