/** Reads the parts of an HTTP request, within limits. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import { BerthError, invalidFields } from '@berth/shared/model/errors/errors';

/** As much as one gRPC message may have. */
export const maxBodyBytes = 4 * 1024 * 1024;

/** The time that the caller waits for its answer, in milliseconds. */
export const timeoutHeader = 'berth-timeout-ms';

/** A refusal by HTTP itself. gRPC has no such status. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(httpStatus: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.httpStatus = httpStatus;
    this.headers = headers;
  }
}

/**
 * Returns the body as JSON. It refuses every content type but JSON, so no form on a foreign page can post
 * here.
 * @throws HttpRefusal if the body is too large or of another type; BerthError invalidArgument if it is not
 * JSON.
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json' && !type?.endsWith('+json'))
    throw new HttpRefusal(415, 'The body must be JSON, with the content type application/json.');
  const text = await readText(request);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw invalidFields([{ field: 'body', description: `is not JSON: ${why}` }]);
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const tooLarge = () =>
    new HttpRefusal(413, `The body is larger than ${maxBodyBytes} bytes.`, { connection: 'close' });
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  // The loop ends without destroying the request, since the answer needs its socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Handlers get these headers as metadata: Berth's own, and those that HTTP and gRPC share. */
const sharedHeaders = new Set(['idempotency-key', 'authorization', 'x-request-id', 'user-agent']);

/** Returns the headers for the handler. HTTP carries no binary metadata (`…-bin`). */
export function callHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).flatMap(([name, value]): [string, string][] => {
    const isOurs = name.startsWith('berth-') || name.startsWith('berth.') || sharedHeaders.has(name);
    return isOurs && typeof value === 'string' && !name.endsWith('-bin') ? [[name, value]] : [];
  });
  return Object.fromEntries(entries);
}

/** Returns the end of the caller's wait in milliseconds since the epoch; infinity without a limit. */
export function deadlineOf(headers: IncomingHttpHeaders, nowMs: number): number {
  const text = headers[timeoutHeader];
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (typeof text === 'string' && /^[1-9]\d{0,8}$/.test(text)) return nowMs + Number(text);
  throw invalidFields([{ field: `header ${timeoutHeader}`, description: 'must be milliseconds, 1 or more' }]);
}

/** The URL's path as sent, and its query. */
export function urlOf(request: IncomingMessage): {
  readonly path: string;
  readonly query: URLSearchParams;
} {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  return mark < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

/** Returns the caller's certificate if the server trusts it. */
export function certificateOf(socket: Socket): PeerCertificate | undefined {
  return socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate() : undefined;
}

/** The caller has gone before it sent the whole request. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}

export function noSuchPath(path: string): BerthError {
  return new BerthError('notFound', `Nothing is served at ${JSON.stringify(path.slice(0, 200))}.`);
}

/** A part of the path is not percent-encoded UTF-8. */
export function notDecodable(part: string): BerthError {
  const description = `${JSON.stringify(part.slice(0, 60))} is not percent-encoded UTF-8`;
  return invalidFields([{ field: 'path', description }]);
}
