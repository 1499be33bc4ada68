import {
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';

/** The end that a proxy gives to a stream. */
export type StreamEnd =
  | { readonly rstCode: number }
  /** The whole connection ends: politely with GOAWAY, or cut. */
  | { readonly connection: 'goaway' | 'cut' }
  /** The proxy answers in place of the gateway. */
  | { readonly httpStatus: number };

/** A load balancer that ends the first streams by itself, and passes the others on. */
export interface ResettingProxy {
  readonly address: string;
  /** The number of streams so far. */
  streams(): number;
  close(): void;
}

export interface ProxyOptions {
  readonly end: StreamEnd;
  /** The number of streams that it ends; the default is 1. */
  readonly times?: number;
}

/** Starts a proxy before a gateway. It ends a stream after the first answer of the gateway has begun. */
export async function startResettingProxy(
  gateway: string,
  { end, times = 1 }: ProxyOptions,
): Promise<ResettingProxy> {
  const upstream = connect(`http://${gateway}`);
  // The test itself ends the gateway.
  upstream.on('error', () => undefined);
  let streams = 0;
  const server = createServer();
  server.on('session', (session) => session.on('error', () => undefined));
  server.on('stream', (stream, headers) => {
    streams += 1;
    stream.on('error', () => undefined);
    const ends = streams <= times;
    if (ends && 'httpStatus' in end) return answer(stream, end.httpStatus);
    const passed = passOn(stream, upstream.request({ ...headers }));
    if (ends) passed.once('data', () => setImmediate(() => endStream(stream, end)));
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  return {
    address: `127.0.0.1:${port}`,
    streams: () => streams,
    close: () => {
      server.close();
      upstream.destroy();
    },
  };
}

function answer(stream: ServerHttp2Stream, httpStatus: number): void {
  stream.respond({ ':status': httpStatus, 'content-type': 'text/html' });
  stream.end('<html>no gateway</html>');
}

function endStream(stream: ServerHttp2Stream, end: StreamEnd): void {
  if ('rstCode' in end) return stream.close(end.rstCode);
  if (!('connection' in end)) return;
  if (end.connection === 'goaway') stream.session?.goaway(constants.NGHTTP2_NO_ERROR);
  stream.session?.destroy();
}

/** Copies both directions, with the trailers of the gateway. Returns its answer. */
function passOn(down: ServerHttp2Stream, up: ReturnType<ReturnType<typeof connect>['request']>): typeof up {
  let trailers: IncomingHttpHeaders = {};
  up.on('error', () => undefined);
  up.on('response', (headers) => {
    if (!down.closed) down.respond({ ...headers }, { waitForTrailers: true });
  });
  up.on('trailers', (headers) => {
    trailers = { ...headers };
  });
  down.on('wantTrailers', () => down.sendTrailers(trailers));
  down.on('close', () => up.close(constants.NGHTTP2_CANCEL));
  up.pipe(down);
  down.pipe(up);
  return up;
}
