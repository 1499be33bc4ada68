/** The engine's address as DOCKER_HOST has it, `tcp://` where it names no protocol; undefined where it is not one. */
export function dockerAddress(dockerHost: string): URL | undefined {
  const address = dockerHost.includes('://') ? dockerHost : `tcp://${dockerHost}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return url !== undefined && ['unix:', 'tcp:', 'http:', 'https:'].includes(url.protocol) ? url : undefined;
}
