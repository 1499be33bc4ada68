export { type Credentials, type CredentialsLookup, credentialsFrom, openCredentials } from './credentials.js';
export { type Lookup, RegistryClient } from './registry-client.js';
export { dockerHub, type RegistryImage, registryImageOf } from './registry-image.js';
