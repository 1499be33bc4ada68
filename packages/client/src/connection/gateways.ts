import { BerthError } from '@berth/shared/model/errors/errors';
import { type ChannelCredentials, Client, credentials as grpcCredentials } from '@grpc/grpc-js';
import { type ClientTls, type ConnectOptions, channelOptions } from './options.js';

/** A gateway that can be called. */
export interface GatewayEndpoint {
  readonly address: string;
  readonly client: Client;
}

const maxPort = 65_535;
/** Names that gRPC resolves by itself. */
const gRpcName = /^(dns|ipv4|ipv6|unix|unix-abstract):/;

function isUsable(address: string): boolean {
  const port = Number(/^(?:[^:]+|\[.+\]):(\d+)$/.exec(address)?.[1]);
  return gRpcName.test(address) || (port >= 1 && port <= maxPort);
}

function credentialsOf(tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return grpcCredentials.createInsecure();
  return grpcCredentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null);
}

/**
 * The gateways of a cell; one of them is in use. The first call makes the connection, and a lost connection
 * is made again.
 */
export class Gateways {
  readonly #gateways: readonly GatewayEndpoint[];
  #current = 0;
  #isClosed = false;

  constructor(options: ConnectOptions) {
    const addresses = 'addresses' in options ? options.addresses : [options.address];
    if (addresses.length === 0 || addresses.includes('')) {
      throw new BerthError('invalidArgument', 'The address of at least one gateway is needed, as host:port.');
    }
    const unusable = addresses.filter((address) => !isUsable(address)).map((one) => JSON.stringify(one));
    if (unusable.length > 0)
      throw new BerthError(
        'invalidArgument',
        `The address of a gateway is host:port, with a port from 1 to ${maxPort}; malformed: ${unusable.join(', ')}.`,
      );
    const credentials = options.credentials ?? credentialsOf(options.tls);
    this.#gateways = addresses.map((address) => ({
      address,
      client: new Client(address, credentials, channelOptions),
    }));
  }

  /** Returns the gateway in use. */
  current(): GatewayEndpoint {
    const gateway = this.#gateways[this.#current];
    if (this.#isClosed || gateway === undefined)
      throw new BerthError('failedPrecondition', 'The client is closed.');
    return gateway;
  }

  /** Moves on to the next gateway after a failure. It does nothing if another call has already moved on. */
  leave(failed: GatewayEndpoint): void {
    if (this.#gateways[this.#current] !== failed) return;
    this.#current = (this.#current + 1) % this.#gateways.length;
  }

  /** Closes each connection when its last call has ended. New calls are refused. */
  close(): void {
    this.#isClosed = true;
    for (const { client } of this.#gateways) client.close();
  }
}
