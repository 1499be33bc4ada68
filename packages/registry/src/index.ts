export { createImageResolver, type ImageSettings } from './create-resolver.js';
export { type Credentials, type CredentialsLookup, credentialsFrom, openCredentials } from './credentials.js';
export type { ImageResolver } from './image-resolver.js';
export { imageSettingsShape } from './image-settings.js';
export { type Lookup, RegistryClient } from './registry-client.js';
export { dockerHub, type RegistryImage, registryImageOf } from './registry-image.js';
