import { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { inspect } from 'node:util';
import { BerthError } from '@berth/shared/model/errors/errors';
import Dockerode from 'dockerode';
import { dockerAddress } from './core/address.js';
import type { EngineInfo } from './core/engine-features.js';

interface Abortable {
  readonly abortSignal: AbortSignal;
}

/** Calls of dockerode that its types leave out. */
interface AbortableCalls {
  info(
    options: Abortable,
  ): Promise<EngineInfo & { NCPU: number; MemTotal: number; DockerRootDir: string; ServerVersion: string }>;
  ping(options: Abortable): Promise<unknown>;
}

export type Docker = Dockerode & AbortableCalls;

export interface DockerConnection {
  readonly docker: Docker;
  /** Connections stay open. A new one for each call would take as long as a quick call itself. */
  readonly sockets: Agent;
  /** Undefined if the engine is not on this host. */
  readonly socketPath: string | undefined;
}

/** Docker's own. */
const defaultSocket = '/var/run/docker.sock';

/**
 * Returns a connection to the engine at `unix://PATH` or `tcp://HOST:PORT`. TLS is used with
 * DOCKER_TLS_VERIFY=1, on port 2376 and with https://. Without an address, the engine is at Docker's default
 * socket. Connects at the first call. @throws BerthError if the address is not one.
 */
export function connectDocker(
  dockerHost: string | undefined,
  { keepsConnections: keepAlive = true }: { readonly keepsConnections?: boolean } = {},
): DockerConnection {
  const url = dockerHost === undefined ? undefined : addressOf(dockerHost);
  const isSecure =
    url !== undefined &&
    (url.protocol === 'https:' || url.port === '2376' || process.env.DOCKER_TLS_VERIFY === '1');
  const sockets = withShortName(isSecure ? new HttpsAgent({ keepAlive }) : new Agent({ keepAlive }));
  const options = { agent: sockets, ...target(url, isSecure) };
  const socketPath = url === undefined ? defaultSocket : url.protocol === 'unix:' ? url.pathname : undefined;
  return { docker: new Dockerode(options) as Docker, sockets, socketPath };
}

/**
 * Problem: docker-modem formats the options of every call for its debug log, to any depth, even if nobody
 * reads the log. It formats all open sockets, too. That took 2.1 of the 2.7 ms of a ping. So the agent's
 * sockets have a short text form.
 */
function withShortName<T extends Agent>(agent: T): T {
  return Object.defineProperty(agent, inspect.custom, { value: () => agent.constructor.name });
}

function addressOf(dockerHost: string): URL {
  const url = dockerAddress(dockerHost);
  if (url !== undefined) return url;
  throw new BerthError(
    'invalidArgument',
    `DOCKER_HOST must be unix://PATH or tcp://HOST:PORT, not ${dockerHost}.`,
  );
}

function target(url: URL | undefined, isSecure: boolean) {
  if (url === undefined) return {};
  if (url.protocol === 'unix:') return { socketPath: url.pathname, host: undefined };
  return { protocol: isSecure ? 'https' : 'http', host: url.hostname, port: url.port } as const;
}
