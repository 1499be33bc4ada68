/**
 * Parses the engine's address in DOCKER_HOST. The default protocol is `tcp://`. Undefined if it is not an
 * address.
 */
export function dockerAddress(dockerHost: string): URL | undefined {
  const address = dockerHost.includes('://') ? dockerHost : `tcp://${dockerHost}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return url !== undefined && ['unix:', 'tcp:', 'http:', 'https:'].includes(url.protocol) ? url : undefined;
}
