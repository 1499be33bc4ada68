import { credentialsFrom, RegistryClient } from '@berth/registry';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { GatewayConfig } from '../config.js';
import { ImageResolver } from './image-resolver.js';

/** The resolver that the configuration asks for. */
export function createImageResolver(config: GatewayConfig, clock: Clock, log: Logger): ImageResolver {
  return new ImageResolver({
    mode: config.BERTH_IMAGE_RESOLUTION,
    timeoutMs: config.BERTH_IMAGE_RESOLUTION_TIMEOUT,
    registries: new RegistryClient({
      credentials: credentialsFrom(config.BERTH_IMAGE_AUTH_FILE, log),
      insecure: config.BERTH_IMAGE_INSECURE_REGISTRIES,
    }),
    clock,
  });
}
