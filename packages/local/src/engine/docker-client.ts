import Docker from 'dockerode';

/** Docker's own default, where a machine's engine listens. */
export const defaultDockerHost = 'unix:///var/run/docker.sock';

const pingTimeoutMs = 3_000;

/**
 * A client of the engine at `host`, which is written as in DOCKER_HOST. A host other than a unix socket is taken from the
 * environment with its TLS settings, so it must be the one that DOCKER_HOST names.
 */
export function dockerClient(host: string, options: { readonly timeoutMs?: number } = {}): Docker {
  const timeout = options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs };
  if (!host.startsWith('unix://')) return new Docker(timeout);
  // An empty host, because one that DOCKER_HOST names would be preferred to the socket.
  return new Docker({ ...timeout, socketPath: host.slice('unix://'.length), host: '' });
}

/** Whether an engine answers at `host`; if not, why, in the words of the operating system or the engine. */
export async function pingDocker(
  host: string,
): Promise<{ readonly ok: true } | { readonly ok: false; why: string }> {
  try {
    await dockerClient(host, { timeoutMs: pingTimeoutMs }).ping();
    return { ok: true };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}
