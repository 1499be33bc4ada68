import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A proxy between callers and a gateway. It can cut connections at any byte, like the death of a gateway. */
export interface CuttableProxy {
  readonly address: string;
  /** The target of new connections. */
  target: number;
  /** Ends all connections at once. */
  cut(): void;
  close(): Promise<void>;
}

export async function startCuttableProxy(target: number): Promise<CuttableProxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // The other end may be gone; the tests want that.
    socket.on('error', () => socket.destroy());
  };
  const server = createServer((caller) => {
    const gateway = connect(proxy.target, '127.0.0.1');
    for (const socket of [caller, gateway]) keep(socket);
    caller.on('close', () => gateway.destroy());
    gateway.on('close', () => caller.destroy());
    caller.pipe(gateway).pipe(caller);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy listens on no port');
  const proxy: CuttableProxy = {
    address: `127.0.0.1:${address.port}`,
    target,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close: async () => {
      proxy.cut();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
