/* Asks registries for the digest behind a name, through the Distribution (Docker registry) HTTP API v2. */
import { createHash } from 'node:crypto';
import { boundedBody } from './bounded-body.js';
import { type Challenge, parseChallenge } from './challenge.js';
import { basicAuthorization, type Credentials, type FindCredentials } from './credentials.js';
import { dockerHub, isLocalRegistry, type RegistryImage } from './registry-image.js';

/** The answer of a registry about an image. */
export type Lookup =
  | { readonly outcome: 'found'; readonly digest: string }
  | { readonly outcome: 'unknown' }
  /** The image may exist, but not for these credentials. */
  | { readonly outcome: 'denied'; readonly why: string }
  /** The registry gave no answer; another attempt may help. */
  | { readonly outcome: 'unanswered'; readonly why: string };

interface RegistryClientOptions {
  readonly credentials: FindCredentials;
  /** Registries, besides those on this machine, that speak plain HTTP. */
  readonly insecure: ReadonlySet<string>;
}

/** Without this list a registry converts the manifest to an old format, and that one has another digest. */
const acceptedManifests = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Docker Hub serves its images under this name. */
const hubHost = 'registry-1.docker.io';

const digestPattern = /^[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,}$/;
const maxManifestBytes = 4 * 1024 * 1024;
const maxTokenBytes = 256 * 1024;

export class RegistryClient {
  readonly #options: RegistryClientOptions;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
  }

  /** Asks once. Never rejects: a failure is an outcome. */
  async findDigest(image: RegistryImage, signal: AbortSignal): Promise<Lookup> {
    try {
      return await this.#ask(image, signal);
    } catch (error) {
      return { outcome: 'unanswered', why: failureText(error) };
    }
  }

  async #ask(image: RegistryImage, signal: AbortSignal): Promise<Lookup> {
    const url = this.#manifestUrl(image);
    const open = await request(url, { method: 'HEAD', signal });
    if (open.status !== 401) return toLookup(open, { url, signal, headers: {} });
    const challenge = parseChallenge(open.headers.get('www-authenticate') ?? '');
    if (challenge === undefined) return { outcome: 'denied', why: 'it requires an unknown authentication' };
    const authorization = await this.#authorize(image, challenge, signal);
    if (typeof authorization !== 'string') return authorization;
    const headers = { authorization };
    const answer = await request(url, { method: 'HEAD', headers, signal });
    return toLookup(answer, { url, signal, headers });
  }

  #manifestUrl({ registry, path, reference }: RegistryImage): string {
    const host = registry === dockerHub ? hubHost : registry;
    return `${this.#scheme(registry)}://${host}/v2/${path}/manifests/${reference}`;
  }

  #scheme(registry: string): 'http' | 'https' {
    return isLocalRegistry(registry) || this.#options.insecure.has(registry) ? 'http' : 'https';
  }

  /** Returns the value of the header that the registry asks for. */
  async #authorize(
    image: RegistryImage,
    challenge: Challenge,
    signal: AbortSignal,
  ): Promise<string | Lookup> {
    const credentials = await until(signal, this.#options.credentials(image.registry));
    if (challenge.scheme === 'bearer') return this.#token(image, challenge, { credentials, signal });
    return credentials === undefined
      ? { outcome: 'denied', why: 'it requires a password, but none is configured' }
      : basicAuthorization(credentials);
  }

  async #token(
    { registry, path }: RegistryImage,
    { realm, service, scope }: Extract<Challenge, { scheme: 'bearer' }>,
    { credentials, signal }: { credentials: Credentials | undefined; signal: AbortSignal },
  ): Promise<string | Lookup> {
    const url = URL.canParse(realm) ? new URL(realm) : undefined;
    // A registry must not make the client send a password in the clear.
    if (url === undefined || (url.protocol !== 'https:' && this.#scheme(registry) === 'https'))
      return { outcome: 'denied', why: 'its token server has no HTTPS address' };
    const wanted = new URLSearchParams({ scope: scope ?? `repository:${path}:pull` });
    if (service !== undefined) wanted.set('service', service);
    const answer = await askForToken(url, { wanted, credentials, signal });
    const text = await boundedBody(answer, maxTokenBytes);
    if (answer.status === 401 || answer.status === 403)
      return { outcome: 'denied', why: 'its token server refuses the credentials' };
    if (!answer.ok) return unanswered(`its token server answers ${answer.status}`);
    const token = tokenIn(text.toString('utf8'));
    return token === undefined ? unanswered('its token server sends no token') : `Bearer ${token}`;
  }
}

/** A credential helper may take longer than a look-up. */
async function until<T>(signal: AbortSignal, result: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const limit = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([result, limit]);
}

interface TokenQuery {
  readonly wanted: URLSearchParams;
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal;
}

/** A password goes into a header. An identity token is exchanged as OAuth 2 exchanges a refresh token. */
function askForToken(url: URL, { wanted, credentials, signal }: TokenQuery): Promise<Response> {
  if (credentials?.identityToken !== undefined) {
    const grant = { grant_type: 'refresh_token', client_id: 'berth' };
    for (const [name, value] of Object.entries(grant)) wanted.set(name, value);
    wanted.set('refresh_token', credentials.identityToken);
    return fetch(url.href, { method: 'POST', body: wanted, signal });
  }
  for (const [name, value] of wanted) url.searchParams.set(name, value);
  const headers = credentials === undefined ? {} : { authorization: basicAuthorization(credentials) };
  return request(url.href, { method: 'GET', headers, signal });
}

interface ManifestQuery {
  readonly url: string;
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
}

async function toLookup(answer: Response, query: ManifestQuery): Promise<Lookup> {
  const { status } = answer;
  if (answer.ok) return digestOf(answer, query);
  if (status === 404) return { outcome: 'unknown' };
  if (status === 401 || status === 403) return { outcome: 'denied', why: `it answers ${status}` };
  return unanswered(`it answers ${status}`);
}

/** Some registries leave the digest out of the headers. It is the hash of the manifest's bytes. */
async function digestOf(answer: Response, { url, signal, headers }: ManifestQuery): Promise<Lookup> {
  const stated = answer.headers.get('docker-content-digest');
  if (stated !== null && digestPattern.test(stated)) return { outcome: 'found', digest: stated };
  const full = await request(url, { method: 'GET', headers, signal });
  const manifest = await boundedBody(full, maxManifestBytes);
  if (!full.ok) return unanswered(`it answers ${full.status}`);
  return { outcome: 'found', digest: `sha256:${createHash('sha256').update(manifest).digest('hex')}` };
}

interface Init {
  readonly method: 'HEAD' | 'GET';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

function request(url: string, { method, headers = {}, signal }: Init): Promise<Response> {
  return fetch(url, { method, headers: { accept: acceptedManifests, ...headers }, signal });
}

function unanswered(why: string): Lookup {
  return { outcome: 'unanswered', why };
}

function tokenIn(text: string): string | undefined {
  try {
    const { token, access_token: accessToken } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const found = token ?? accessToken;
    return typeof found === 'string' && /^[\x21-\x7e]+$/.test(found) ? found : undefined;
  } catch {
    // This is no JSON, so there is no token. The caller reports it.
    return undefined;
  }
}

const failures: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'it refuses connections'],
  ['ECONNRESET', 'it ends connections'],
  ['ENOTFOUND', 'its host name is not known'],
  ['EAI_AGAIN', 'its host name cannot be looked up'],
]);

/** `fetch` hides the cause behind "fetch failed". */
function failureText(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return 'it cannot be asked';
  if (cause.name === 'TimeoutError') return 'it took too long';
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  return code === undefined ? cause.message.slice(0, 200) : (failures.get(code) ?? code);
}
