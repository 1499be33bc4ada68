import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { credentialsFrom } from './credentials.js';
import { ImageResolver, type ResolutionMode } from './image-resolver.js';
import { RegistryClient } from './registry-client.js';

/** The settings for images of a service that resolves them. */
export interface ImageSettings {
  readonly BERTH_IMAGE_RESOLUTION: ResolutionMode;
  readonly BERTH_IMAGE_RESOLUTION_TIMEOUT: number;
  readonly BERTH_IMAGE_INSECURE_REGISTRIES: ReadonlySet<string>;
  readonly BERTH_IMAGE_AUTH_FILE?: string | undefined;
}

/** Creates the resolver that the configuration asks for. */
export function createImageResolver(
  settings: ImageSettings,
  { clock, log, asker }: { readonly clock: Clock; readonly log: Logger; readonly asker?: string },
): ImageResolver {
  return new ImageResolver({
    mode: settings.BERTH_IMAGE_RESOLUTION,
    timeoutMs: settings.BERTH_IMAGE_RESOLUTION_TIMEOUT,
    registries: new RegistryClient({
      credentials: credentialsFrom(settings.BERTH_IMAGE_AUTH_FILE, log),
      insecure: settings.BERTH_IMAGE_INSECURE_REGISTRIES,
    }),
    clock,
    ...(asker === undefined ? {} : { asker }),
  });
}
