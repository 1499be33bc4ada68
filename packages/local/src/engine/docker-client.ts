import Docker from 'dockerode';

/** Docker's own default address of a machine's engine. */
export const defaultDockerHost = 'unix:///var/run/docker.sock';

const pingTimeoutMs = 3_000;

/**
 * Returns a client of the engine at `host`, in the form of DOCKER_HOST. Hosts other than unix sockets come
 * from the environment with their TLS settings. So such a host must be the one of DOCKER_HOST.
 */
export function dockerClient(host: string, options: { readonly timeoutMs?: number } = {}): Docker {
  const timeout = options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs };
  if (!host.startsWith('unix://')) return new Docker(timeout);
  // The host must be empty: dockerode would prefer the host of DOCKER_HOST to the socket.
  return new Docker({ ...timeout, socketPath: host.slice('unix://'.length), host: '' });
}

/**
 * Asks if an engine answers at `host`. If not, it returns the reason in the words of the operating system or
 * the engine.
 */
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
