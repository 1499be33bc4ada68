import { cellName, flag, parseConfig, redisUrl } from '@berth/shared/process/config';
import { parseRedisUrl } from '@berth/store/redis';
import { z } from 'zod';
import { defaultRuntime } from '../cell/local-runtimes.js';

/** A setting that npm start would override, or that would make the demo fail. */
function refused(why: string) {
  return z
    .string()
    .refine(() => false, { error: why })
    .optional();
}

const address = refused('npm start chooses its addresses itself and prints them: unset it');
const protection = refused('the demo of npm start calls without TLS and without a token: unset it');

const schema = z.object({
  /** A Redis of the user's, in place of the cell's own. */
  BERTH_REDIS_URL: redisUrl
    .refine(isUnderstood, { error: 'is not understood: see docs/operations/configuration.md' })
    .optional(),
  BERTH_CELL: cellName.optional(),
  /** The address of the gateway for containers. It takes precedence over the local cell's own. */
  BERTH_MASTER_API_URL: z.string().optional(),
  BERTH_INSECURE: flag.default(false),
  BERTH_API_GRPC: address,
  BERTH_API_JOBV1: address,
  BERTH_API_HTTP: address,
  BERTH_MASTER_HTTP: address,
  BERTH_AGENT_GRPC: address,
  BERTH_AGENT_HTTP: address,
  BERTH_AGENT_ID: refused('npm start names its agent itself: unset it'),
  BERTH_AGENT_RUNTIME: z
    .literal(defaultRuntime, { error: 'the demo of npm start runs real containers: unset it' })
    .optional(),
  BERTH_TLS_CERT: protection,
  BERTH_TLS_KEY: protection,
  BERTH_TLS_CLIENT_CA: protection,
  BERTH_API_TOKENS: protection,
});

export type StartSettings = z.output<typeof schema>;

/**
 * Reads the settings that `npm start` uses itself; the services read the rest.
 * @throws ConfigError that names every wrong or ineffective setting.
 */
export function readStartSettings(env: NodeJS.ProcessEnv): StartSettings {
  return parseConfig(schema, env);
}

function isUnderstood(url: string): boolean {
  try {
    parseRedisUrl(url);
    return true;
  } catch {
    return false;
  }
}
