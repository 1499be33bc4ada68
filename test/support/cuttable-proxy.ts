import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands between callers and a gateway, and can cut them off at any byte, as the death of a gateway does. */
export interface CuttableProxy {
  readonly address: string;
  /** Where connections go from now on. */
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
    // The other end may be gone; that is what this is for.
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
