import {
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceDefinition,
  setLogger,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { formatAddress, type ListenAddress, listenError } from '../../process/address.js';
import { startTimer, systemClock } from '../../process/clock.js';
import type { Logger } from '../../process/logger.js';
import type { Tls } from '../../process/tls.js';
import type { Health } from '../builtin/health.js';
import { addReflection } from '../builtin/reflection.js';
import { tolerant } from '../errors/undecodable.js';

export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

interface GrpcServerOptions {
  readonly address: ListenAddress;
  readonly services: readonly GrpcService[];
  readonly log: Logger;
  /** True if the server describes its services through reflection. The default is true. */
  readonly reflection?: boolean;
  /** Served as grpc.health.v1; NOT_SERVING as soon as the server begins to close. */
  readonly health?: Health;
  /** Aborted as soon as the server begins to close: give its signal to the handlers, so that streams end. */
  readonly shutdown?: AbortController;
  /** Without it the server speaks plain text. */
  readonly tls?: Tls;
  /** Channel options that are to differ from {@link serverOptions}. */
  readonly options?: ServerOptions;
}

export interface GrpcServer {
  readonly port: number;
  /**
   * Stops taking calls, ends the streams, and gives calls in progress `graceMs` to end. After that they are
   * cut off. It may be called again.
   */
  close(graceMs: number): Promise<void>;
}

/** A client that has vanished without a word is noticed within the sum of the two times. */
const serverOptions: ServerOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  // Nobody can ask for it, and it keeps some kB for each connection.
  'grpc.enable_channelz': 0,
};

/** Rejects with one sentence when the address cannot be had. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { address, services, health, log } = options;
  // grpc-js writes to standard error the failures that it also reports as errors.
  setLogger({ error: (...parts: unknown[]) => log.debug(parts.join(' ')) });
  const server = new Server({ ...serverOptions, ...options.options });
  for (const { definition, implementation } of services)
    server.addService(tolerant(definition), implementation);
  if (health !== undefined) server.addService(health.definition, health.implementation);
  if (options.reflection !== false) addReflection(server, servedBy(options), log);
  const port = await bind(server, address, credentialsOf(options.tls));
  log.info(`gRPC on ${formatAddress({ host: address.host, port })}`);
  let closing: Promise<void> | undefined;
  return {
    port,
    close: (graceMs) => {
      closing ??= shutDown(server, options, graceMs);
      return closing;
    },
  };
}

function servedBy({ services, health }: GrpcServerOptions): readonly ServiceDefinition[] {
  return [...services, ...(health === undefined ? [] : [health])].map(({ definition }) => definition);
}

function credentialsOf(tls: Tls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { cert, key, clientCa } = tls;
  return ServerCredentials.createSsl(
    clientCa ?? null,
    [{ cert_chain: cert, private_key: key }],
    clientCa !== undefined,
  );
}

function bind(server: Server, address: ListenAddress, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(formatAddress(address), credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(listenError('gRPC server', address, error));
    });
  });
}

async function shutDown(
  server: Server,
  { health, shutdown, log }: GrpcServerOptions,
  graceMs: number,
): Promise<void> {
  health?.setServing(false);
  shutdown?.abort();
  const ended = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const cancel = startTimer(systemClock, graceMs, () => {
    log.warn(`calls were cut off after ${graceMs} ms`);
    server.forceShutdown();
  });
  await ended;
  cancel();
}
