import { credentialsFrom, RegistryClient } from '@berth/registry';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { ImageResolver, type ResolutionMode } from './image-resolver.js';

/** The gateway's settings for images. */
interface ImageSettings {
  readonly BERTH_IMAGE_RESOLUTION: ResolutionMode;
  readonly BERTH_IMAGE_RESOLUTION_TIMEOUT: number;
  readonly BERTH_IMAGE_INSECURE_REGISTRIES: ReadonlySet<string>;
  readonly BERTH_IMAGE_AUTH_FILE?: string | undefined;
}

/** Creates the resolver that the configuration asks for. */
export function createImageResolver(settings: ImageSettings, clock: Clock, log: Logger): ImageResolver {
  return new ImageResolver({
    mode: settings.BERTH_IMAGE_RESOLUTION,
    timeoutMs: settings.BERTH_IMAGE_RESOLUTION_TIMEOUT,
    registries: new RegistryClient({
      credentials: credentialsFrom(settings.BERTH_IMAGE_AUTH_FILE, log),
      insecure: settings.BERTH_IMAGE_INSECURE_REGISTRIES,
    }),
    clock,
  });
}
