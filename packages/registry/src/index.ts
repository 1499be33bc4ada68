export { credentialsFrom } from './credentials.js';
export { type Lookup, RegistryClient } from './registry-client.js';
export { type RegistryImage, registryImageOf } from './registry-image.js';
