import { span } from '@berth/shared/process/config-fields';
import { filePath } from '@berth/shared/process/config-files';
import { z } from 'zod';

const modes = ['required', 'best-effort', 'off'] as const;

/** grpc-js fires a timer of more than 2^31 ms at once. */
const longestTimer = '576h';

/** The variables for the resolution of images. Gateways and masters read the same. */
export const imageSettingsShape = {
  /** The way in which images are resolved to digests at the creation of jobs. */
  BERTH_IMAGE_RESOLUTION: z
    .enum(modes, { error: `must be one of ${modes.join(', ')}` })
    .default('best-effort'),
  /** The longest time that a CreateJob waits for registries. */
  BERTH_IMAGE_RESOLUTION_TIMEOUT: span('3s', { least: '10ms', most: longestTimer }),
  /** Registries, besides those on this machine, that speak plain HTTP: `host:port`, separated by commas. */
  BERTH_IMAGE_INSECURE_REGISTRIES: z
    .string()
    .default('')
    .transform((text): ReadonlySet<string> => new Set(text.split(',').map((host) => host.trim()))),
  /** Credentials for registries: a file that `docker login` writes. */
  BERTH_IMAGE_AUTH_FILE: filePath.optional(),
};
